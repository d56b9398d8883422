"""Quiet sessions of connected users give up their objects (layer 3).

One sweep for the whole node looks at all sessions from time to time, some in each turn of the loop. What
stays of a session that sleeps is its socket, its lease and its last commit. It wakes when something needs its
objects: an input, something in its inbox, or the app itself, which may still hold one of them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from flet_cluster.host import rest
from flet_cluster.host.limbo import Limbo
from flet_cluster.model import MainState
from flet_cluster.node.memory import Memory
from flet_cluster.node.vault import Meta

if TYPE_CHECKING:
    from flet_cluster.host.live import LiveSession
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")

PERIODS = 6
"""Sweeps in the time that a session stays awake."""
LONGEST_PERIOD = 0.5
SHORTEST_PERIOD = 0.2
AT_ONCE = 50
"""Sessions looked at in one turn of the loop."""
MANY = 100
"""So many sessions may stay awake for as long as the setting says; of more, those longest quiet sleep ..."""
SOON = 0.5
"""... after so many seconds. What has once been in use, Python and the C library hardly ever give back."""
REGRET_SECONDS = 5.0
"""Who wakes again so soon should not have been put to sleep early, nor who does so a second time before his
time is over ..."""
REGRETS = 0.02
"""... and when rebuilding those takes more than this part of the time, more sessions stay awake ..."""
MORE, LESS = 1.25, 0.98
"""... by so much at each sweep, and fewer again by and by."""


class Hibernation:
    """The sweep of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._memory = Memory()
        self._many = float(MANY)
        self._regretted = 0.0
        self._swept = node.loop.time()

    def woke(self, seat: Seat, cost: float) -> None:
        """A session was rebuilt for its user, in so many seconds."""
        slept = seat.used - seat.slept
        early = slept + SOON < self._after
        if slept < REGRET_SECONDS or (early and seat.restless):
            self._regretted += cost
        seat.restless = early

    @property
    def _after(self) -> float:
        return self._node.settings.hibernate_after

    @property
    def _period(self) -> float:
        after = self._after or LONGEST_PERIOD * PERIODS
        return max(SHORTEST_PERIOD, min(LONGEST_PERIOD, after / PERIODS))

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(self._period)
            try:
                await self._sweep()
            except Exception:  # or no session here would ever sleep again
                logger.exception("letting quiet sessions sleep failed; it goes on")

    async def _sweep(self) -> None:
        """Look at all sessions that are awake, longest quiet first; then give back what they have left."""
        awake = [
            seat for seat in self._node.seats.values() if seat.live is not None and seat.socket is not None
        ]
        awake.sort(key=lambda seat: seat.used)
        self._learn()
        for start in range(0, len(awake) if self._after else 0, AT_ONCE):
            now = self._node.loop.time()
            for number, seat in enumerate(awake[start : start + AT_ONCE], start):
                quiet = now - seat.used
                if quiet >= self._after:
                    self._look_at(seat, early=False)
                elif quiet >= SOON and len(awake) - number > self._many:
                    self._look_at(seat, early=True)
            await asyncio.sleep(0)
        awake.clear()
        self._look_at_the_abandoned()
        self._memory.tidy(len(self._node.seats), self._node.loop.time())

    def _learn(self) -> None:
        """Let more sessions stay awake while many are put to sleep between two clicks of their users."""
        now = self._node.loop.time()
        often = self._regretted > REGRETS * (now - self._swept)
        more = min(self._many * MORE, float(MANY + len(self._node.seats)))
        self._many = more if often else max(MANY, self._many * LESS)
        self._regretted, self._swept = 0.0, now

    def _look_at_the_abandoned(self) -> None:
        """Let go of sessions without a user that something has kept here until now."""
        for seat in [seat for seat in self._node.seats.values() if seat.stays and seat.at_rest]:
            seat.let_sleep()

    def _look_at(self, seat: Seat, *, early: bool) -> None:
        """Let a session sleep if it may; ``early``: before its time, to make room."""
        live = seat.live
        if live is None or not may_sleep(seat, live) or self._node.ties.holds_weakly(seat):
            return
        if live.work.unseen:  # what it did shows in no commit yet; it sleeps the next time
            live.work.unseen = False
            seat.committer.request()
            return
        self._node.ties.keep(seat)
        live.resources.leave(live)
        seat.limbo, seat.live = Limbo(live), None
        seat.slept = self._node.loop.time() if early else 0.0
        self._memory.let_go(1)
        self._node.observer.count("hibernated")


def may_sleep(seat: Seat, live: LiveSession) -> bool:
    """Whether a connected session needs its objects for nothing, and has all of them in its record."""
    if seat.socket is None or seat.lost or seat.leaving or seat.committed is None or seat.busy:
        return False
    if live.main is not MainState.DONE or not rest.dormant(live) or live.work.may_touch_objects:
        return False
    meta = Meta.load(seat.committed.meta)
    return seat.portable and not meta.background
