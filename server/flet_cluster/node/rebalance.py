"""Moves users of a crowded node to those that have room: slowly by itself, at once when asked (layer 3).

Each node compares itself with its peers (:mod:`flet_cluster.balance`) and lets its surplus go at commit
boundaries, so many a second. By itself it does so only with what it had too many of twice in a row: when a
node has died its users come all at once, and what the others said of themselves is older than that. A
browser reconnects wherever the balancer in front sends it: this node and others that are full already, which
are told, turn such a session away for a moment, so that it comes where there is room. As with Phoenix's and
Centrifugo's websockets there is no affinity that could be changed; the turning away is what consistent
hashing with bounded loads does when a bin is full.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from flet_cluster import balance
from flet_cluster.errors import StoreError
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")

LOOK_BEATS = 5
"""How often a node compares itself with the others, in heartbeats: what they say should be of now."""
REST_SECONDS = 1.0
"""How long a session may take to come to a commit boundary; one that takes longer is left alone."""
AWAY_SECONDS = 10.0
"""How long a session that is to go elsewhere is turned away."""
TURNS = 2
"""How often: if the balancer insists, the session is welcome."""
STALE_BEATS = 3
"""Heartbeats until those of the others tell of what this node let go: before, it would let go of it twice."""
SETTLED_SECONDS = 600.0
"""How long a session that was moved, and came here all the same, is left in peace."""
FAST = 50.0
"""Sessions a second when somebody asked for it."""
MOST_REMEMBERED = 10_000


class Rebalance:
    """One node's part in it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._unwelcome: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._settled: OrderedDict[str, float] = OrderedDict()
        self._running = asyncio.Lock()
        self._known_from = 0.0
        self._before = 0

    async def run(self) -> None:
        """Look after this node's load, now and then, for ever."""
        rate, period = self._node.settings.rebalance_rate, LOOK_BEATS * self._node.settings.heartbeat_interval
        while rate > 0:
            await asyncio.sleep(period)
            await self.level(rate, period)

    def asked(self) -> None:
        """Somebody wants the load levelled now."""
        self._node.spawn(self.level(FAST))

    async def level(self, rate: float, seconds: float | None = None) -> int:
        """Let go what this node has above its share; returns how many sessions went.

        Args:
            rate: sessions a second.
            seconds: how long at most, and only what it had too many of the last time too; None: all, at once.
        """
        busy = self._running.locked() or self._node.loop.time() < self._known_from
        if busy or self._node.draining:
            return 0
        async with self._running:
            try:
                nodes = await self._node.store.nodes()
            except StoreError as error:
                logger.warning("the load is not looked at: %s", error)
                return 0
            me = self._node.describe()
            wanted = balance.surplus(me, nodes)
            if seconds is not None:
                lasting, self._before = min(wanted, self._before), wanted
                wanted = min(lasting, max(1, int(rate * seconds)))
            return await self._let_go(wanted, rate, balance.crowded(me, nodes)) if wanted else 0

    async def _let_go(self, wanted: int, rate: float, crowded: list[str]) -> int:
        chosen = self._movable()[:wanted]
        if not chosen:  # who is here must stay, or is only relayed through here
            return 0
        logger.info("rebalancing: letting %d of %d sessions go", len(chosen), len(self._node.seats))
        await self._announce(chosen, crowded)
        moved = 0
        for seat in chosen:
            if self._node.draining:
                break
            self.turn_away([seat.id])
            if await self._node.departures.let_go(seat, CloseCode.MOVED, REST_SECONDS):
                moved += 1
                self._node.observer.count("rebalanced")
            else:
                self._unwelcome.pop(seat.id, None)
            await asyncio.sleep(1 / rate)
        self._known_from = self._node.loop.time() + STALE_BEATS * self._node.settings.heartbeat_interval
        return moved

    def _movable(self) -> list[Seat]:
        """Return sessions that can go without their users noticing, those that sleep first."""
        now = self._node.loop.time()
        self._settled = OrderedDict((key, until) for key, until in self._settled.items() if until > now)
        seats = [seat for seat in self._node.seats.values() if seat.movable and seat.id not in self._settled]
        return sorted(seats, key=lambda seat: seat.live is not None)

    async def _announce(self, seats: list[Seat], crowded: Iterable[str]) -> None:
        """Tell the nodes that are full which sessions are to go elsewhere; a hint (I4)."""
        ids = [seat.id for seat in seats]
        await asyncio.gather(*(self._node.control.tell_moving(node_id, ids) for node_id in crowded))

    # -- sessions that come ------------------------------------------------------------------------

    def turn_away(self, session_ids: Iterable[str]) -> None:
        """Note sessions that should go to another node than this one."""
        until = self._node.loop.time() + AWAY_SECONDS
        for session_id in session_ids:
            self._unwelcome[session_id] = (until, TURNS)
        while len(self._unwelcome) > MOST_REMEMBERED:
            self._unwelcome.popitem(last=False)

    def turns_away(self, session_id: str) -> bool:
        """Whether a session that comes should look for another node; asked once for each time it comes."""
        until, turns = self._unwelcome.pop(session_id, (0.0, 0))
        if until <= self._node.loop.time():
            return False
        if turns == 0:
            self._settle(session_id)
            return False
        self._unwelcome[session_id] = (until, turns - 1)
        self._node.observer.count("turned_away")
        return True

    def _settle(self, session_id: str) -> None:
        self._settled[session_id] = self._node.loop.time() + SETTLED_SECONDS
        while len(self._settled) > MOST_REMEMBERED:
            self._settled.popitem(last=False)
