"""What operators say to a node counts once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from tests.node.desk import desk
from tests.steps import Click

from flet_cluster.inspection import Inspector, Look, inspector
from flet_cluster.node import orders
from flet_cluster.node.control import Asked, Control
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
        assert Look.of({**told[work.seat.id], "of a later release": 1}).awake
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


async def test_a_session_that_is_handed_over_is_not_said_to_be_ended() -> None:
    async with desk() as work:
        work.seat.leaving = True
        assert await Orders(work.node).answers["end"]({"session": work.seat.id}) == "elsewhere"
        story = await work.store.story(work.seat.id)
        assert story is not None
        assert not story.ended
        work.seat.leaving = False


async def test_a_session_is_followed_to_where_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is handed over while an operator ends it: the app is told, by the node that gets it."""
    monkeypatch.setattr(inspector, "_ON_ITS_WAY", 0.05)
    async with desk() as work:
        work.seat.leaving = True
        asked: list[str] = []

        class Line(Control):
            async def ask(self, node_id: str, question: dict[str, Any], patience: float) -> Asked:
                """Hand it over meanwhile."""
                answer = await Orders(work.node).answers[question["op"]](question)
                asked.append(answer)
                work.seat.leaving = False
                return Asked(1, answer)

        line = Line(work.node.bus, work.node.vault, "operator", {}, {})
        assert await Inspector(work.store, line).kick(work.seat.id) == "closed"
        assert asked == ["elsewhere", "ended"]


async def test_the_busiest_are_those_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nobody has asked before, or not for hours."""
    monkeypatch.setattr(orders, "RATE_SECONDS", 0.2)
    monkeypatch.setattr(orders, "STALE_SECONDS", 0.4)
    async with desk() as work:
        answers = Orders(work.node).answers
        for _ in range(2):
            asked = asyncio.ensure_future(answers["busiest"]({"most": 5}))
            await asyncio.sleep(0.05)
            work.do(Click("plus"))
            (pair,) = json.loads(await asked)
            assert pair[0] == work.seat.id
            assert pair[1] > 1
            await asyncio.sleep(0.5)
