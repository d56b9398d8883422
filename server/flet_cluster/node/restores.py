"""Restores take turns: a node to which many sessions come at once goes on serving those it had (layer 3).

A restore holds the loop for a millisecond or more. When another node dies, hundreds are asked for at the same
time. Of these at most one is made in each turn of the loop: in between, everybody else's input is read. Who
waits for what a user did comes first, in order; sessions that have only background work to go on with follow.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from flet_cluster.errors import SealBroken, SnapshotError

if TYPE_CHECKING:
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")


class Restores:
    """The turns of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._later: deque[Seat] = deque()
        self._giving = False
        node.observer.gauge("restores_waiting", lambda: len(self._urgent) + len(self._later))

    async def turn(self, seat: Seat) -> None:
        """Wait until a session's objects may be rebuilt for its user: not at all, if nobody else waits."""
        if seat.live is not None or (seat.limbo is not None and not seat.limbo.empty):
            return
        if not self._giving:
            self._start()
            return
        mine: asyncio.Future[None] = self._node.loop.create_future()
        self._urgent.append(mine)
        await mine

    def later(self, seat: Seat) -> None:
        """Rebuild a session for what it has to go on with, once no user waits."""
        self._later.append(seat)
        self._start()

    def _start(self) -> None:
        if not self._giving:
            self._giving = True
            self._node.spawn(self._give_turns())

    async def _give_turns(self) -> None:
        """Give one turn in each turn of the loop, as long as anybody waits."""
        try:
            await asyncio.sleep(0)
            while self._urgent or self._later:
                if self._urgent:
                    mine = self._urgent.popleft()
                    if not mine.done():
                        mine.set_result(None)
                else:
                    await self._rebuild(self._later.popleft())
                await asyncio.sleep(0)  # who has the turn runs now,
                await asyncio.sleep(0)  # and then what sockets have brought
        finally:
            self._giving = False

    async def _rebuild(self, seat: Seat) -> None:
        """Rebuild a session that nobody waits for."""
        if seat.lost or seat.leaving or seat.live is not None:
            return
        try:
            seat.wake()
        except (SealBroken, SnapshotError) as error:
            await self._node.departures.reset(seat, error)
