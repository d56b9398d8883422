"""Lets all sessions of a node go, before it ends (layer 3).

Those that are quiet go first, a few at a time, each with its socket still open until another node may have
it: its browser finds the lease free. What runs may finish; after a while its browser is sent away all the
same, to where it is served meanwhile. What has not finished in the end is cut short, and reported there.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")

SETTLE_PART = 0.1
"""How long a session may take to come to a commit boundary with its user here, as a part of the time."""
SETTLE_SECONDS = 1.0
"""... and at most, seconds."""
SPREAD_PART = 0.3
"""The part of the time over which the sessions are let go."""
PER_SECOND = 400.0
"""Sessions let go in a second, unless there are too many for that: each is a browser that reconnects."""
FINISH_PART = 0.8
"""The part of the time in which what runs may finish."""
REPORT_SECONDS = 1.0


class Drain:
    """The one drain of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._cut_short = 0

    async def run(self, budget: float) -> None:
        """Let every session go.

        Args:
            budget: seconds it may take.
        """
        seats = list(self._node.seats.values())
        if not seats:
            return
        logger.info("draining %d sessions", len(seats))
        report = self._node.spawn(self._report(len(seats)))
        pause = min(1 / PER_SECOND, budget * SPREAD_PART / len(seats))
        jobs = []
        for seat in sorted(seats, key=lambda seat: not seat.at_rest):
            jobs.append(self._node.spawn(self._let_go(seat, budget)))
            await asyncio.sleep(pause)
        await asyncio.wait(jobs, timeout=budget * (1 - SPREAD_PART))
        report.cancel()
        left = len(self._node.seats)
        logger.info("drained; %d sessions had to be cut short", self._cut_short + left)

    async def _let_go(self, seat: Seat, budget: float) -> None:
        departures = self._node.departures
        seat.note_absence()
        patience = min(SETTLE_SECONDS, budget * SETTLE_PART)
        if await departures.let_go(seat, CloseCode.DRAINING, patience):
            return
        patience = budget * (FINISH_PART - SPREAD_PART)
        self._cut_short += not await departures.send_away(seat, CloseCode.DRAINING, patience)

    async def _report(self, count: int) -> None:
        """Say how far it is, now and then."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            seats = self._node.seats.values()
            busy = sum(not seat.at_rest for seat in seats)
            logger.info("draining: %d of %d sessions left, %d of them busy", len(seats), count, busy)
