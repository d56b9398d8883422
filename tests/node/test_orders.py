"""What operators say to a node counts once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from tests.node.desk import desk

from flet_cluster.node import orders
from flet_cluster.node.orders import Orders
from flet_cluster.node.place import HERE

if TYPE_CHECKING:
    import pytest


async def test_a_recorded_order_to_leave_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[bool] = []
    monkeypatch.setattr(HERE, "leave", lambda: left.append(True))
    async with desk() as work:
        answers = Orders(work.node).answers
        assert await answers["leave"]({"ticket": "made up"}) == "refused"
        ticket = await answers["ticket"]({})
        assert await answers["leave"]({"ticket": ticket}) == "leaving"
        assert await answers["leave"]({"ticket": ticket}) == "refused"
        monkeypatch.setattr(orders, "TICKET_SECONDS", -1.0)
        assert await answers["leave"]({"ticket": await answers["ticket"]({})}) == "refused"
        await asyncio.sleep(0)
        assert left == [True]


async def test_tickets_are_bounded() -> None:
    async with desk() as work:
        answers = Orders(work.node).answers
        tickets = [await answers["ticket"]({}) for _ in range(orders.TICKETS + 1)]
        assert await answers["leave"]({"ticket": tickets[0]}) == "refused"


async def test_a_node_tells_of_its_own_sessions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "RATE_SECONDS", 0.0)
    async with desk() as work:
        answers = Orders(work.node).answers
        told = json.loads(await answers["look"]({"sessions": [work.seat.id, "another"]}))
        assert set(told) == {work.seat.id}
        assert told[work.seat.id]["awake"] is True
        assert json.loads(await answers["busiest"]({"most": 5})) == []  # nothing to compare with yet


async def test_a_node_ends_a_session_once() -> None:
    async with desk() as work:
        end = Orders(work.node).answers["end"]
        assert await end({"session": "another"}) == "unknown"
        assert await end({"session": work.seat.id}) == "ended"
        assert await end({"session": work.seat.id}) == "unknown"
        story = await work.store.story(work.seat.id)
        assert story is not None
        assert (story.ended, story.events[-1].detail) == (True, "kicked")
