"""What operators ask of a node over the bus, and have it do (layer 3).

Sealed with the secret key, like all that nodes say to each other, so only who has that is heard. A message
that was recorded and is sent again does nothing: *leave* needs a ticket that the node gave out a moment ago
and takes once, and a session that was ended stays ended.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from flet_cluster.errors import StoreError
from flet_cluster.node.place import HERE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")

TICKET_SECONDS: Final = 10.0
"""How long a ticket is good."""
TICKETS: Final = 16
"""Tickets that are good at the same time."""
MOST_SESSIONS: Final = 500
"""Sessions that are told of in one answer."""
TEXT_LENGTH: Final = 300
"""Characters of what a client says of itself; the rest is cut."""
RATE_SECONDS: Final = 1.0
"""What rates of sessions are worked out over, at least; shorter than who asks will wait."""
STALE_SECONDS: Final = 15.0
"""What they are worked out over, at most: who asks wants to know of now."""


class Orders:
    """One node's ear for operators."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tickets: OrderedDict[str, float] = OrderedDict()
        self._counted_at = float("-inf")
        self._counting = asyncio.Lock()
        self._counts: dict[str, int] = {}
        self._rates: dict[str, float] = {}

    @property
    def answers(self) -> Mapping[str, Callable[[dict[str, Any]], Awaitable[str]]]:
        """What answers what, by its name."""
        return {
            "look": self._look,
            "busiest": self._busiest,
            "end": self._end,
            "ticket": self._ticket,
            "leave": self._leave,
        }

    # -- questions ---------------------------------------------------------------------------------

    async def _look(self, question: dict[str, Any]) -> str:
        """Tell of sessions what their records do not, as JSON by their ids, as far as they are here."""
        ids = question["sessions"][:MOST_SESSIONS]
        seats = {id_: seat for id_ in ids if (seat := self._node.seats.get(id_)) is not None}
        return json.dumps({id_: _facts(seat) for id_, seat in seats.items()})

    async def _busiest(self, question: dict[str, Any]) -> str:
        """Tell which sessions commit most, as JSON: pairs of id and commits a second."""
        async with self._counting:
            if self._node.loop.time() - self._counted_at > STALE_SECONDS:
                self._count()
                await asyncio.sleep(RATE_SECONDS)
                self._count()
            elif self._node.loop.time() - self._counted_at >= RATE_SECONDS:
                self._count()
        most = min(int(question["most"]), MOST_SESSIONS)
        ordered = sorted(self._rates.items(), key=lambda item: -item[1])
        return json.dumps([(id_, round(rate, 2)) for id_, rate in ordered[:most] if rate > 0])

    def _count(self) -> None:
        """Work rates out from the count before this one."""
        now, seats = self._node.loop.time(), self._node.seats.values()
        counts = {seat.id: seat.committed.n for seat in seats if seat.committed is not None}
        passed = max(now - self._counted_at, 0.001)
        self._rates = {id_: (n - self._counts.get(id_, n)) / passed for id_, n in counts.items()}
        self._counted_at, self._counts = now, counts

    # -- orders ------------------------------------------------------------------------------------

    async def _end(self, question: dict[str, Any]) -> str:
        """End a session; returns what :meth:`flet_cluster.node.upkeep.Upkeep.end` does, or "failed"."""
        try:
            return await self._node.end(question["session"])
        except StoreError as error:
            logger.warning("session %s: not ended: %s", question["session"], error)
            return "failed"

    async def _ticket(self, _question: dict[str, Any]) -> str:
        """Give out a ticket for one order."""
        ticket = secrets.token_urlsafe(16)
        self._tickets[ticket] = self._node.loop.time() + TICKET_SECONDS
        while len(self._tickets) > TICKETS:
            self._tickets.popitem(last=False)
        return ticket

    async def _leave(self, question: dict[str, Any]) -> str:
        """Have this process leave: "leaving", or "refused" without a ticket."""
        if self._tickets.pop(question["ticket"], 0.0) < self._node.loop.time():
            return "refused"
        logger.info("an operator wants this node to leave")
        self._node.loop.call_soon(HERE.leave)
        return "leaving"


def _facts(seat: Seat) -> dict[str, Any]:
    """Return what only the node that holds a session knows of it."""
    facts: dict[str, Any] = {"connected": seat.socket is not None, "awake": seat.live is not None}
    if seat.live is not None:
        client, page = seat.live.client, seat.live.session.page
        facts["route"] = str(page.route or "")[:TEXT_LENGTH]
        facts["ip"] = client.ip[:TEXT_LENGTH]
        facts["user_agent"] = client.user_agent[:TEXT_LENGTH]
    return facts
