"""A session that cannot let go is served through another node, and moves when it is quiet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.operators import inspected
from tests.cluster.tools import Place, World, eventually, metric, send, session_of
from tests.relay.relay_tools import Picking, at_work, number
from tests.soak import SOAK
from tests.steps import Click

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fleet import FleetNode
    from tests.tab import Tab

LONG = 60.0


@pytest.fixture(scope="module")
def options(options: Mapping[str, str]) -> Mapping[str, str]:
    return {**options, "STEP": "1.0" if SOAK else "0.2"}  # the handler takes twenty of these


async def relayed(world: World, tab: Tab, place: Place, front: FleetNode) -> None:
    """Move a tab to a node that has to relay it; returns when it is served again."""
    resumes = tab.resumes
    place.move(front)
    await tab.cut()
    await tab.until(lambda: tab.resumes > resumes)


async def test_frames_come_while_a_long_handler_runs_and_then_the_session_moves(world: World) -> None:
    holder, front = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await at_work(tab)
        await relayed(world, tab, place, front)
        assert tab.node == holder.node_id
        assert world.row(tab).owner == holder.node_id
        first = number(tab, "Step")
        await tab.until(lambda: number(tab, "Step") >= first + 3)
        send(tab, Click("plus"))
        await tab.until(lambda: number(tab, "Count") == 1)
        assert "work-end" not in world.noted()  # all that was while the handler ran
        assert metric(front, "relays_fronted") == metric(holder, "relays_held") == 1
        assert metric(holder, "sessions", state="relayed") == metric(holder, "sessions") == 1
        assert metric(front, "hand_overs", outcome="relayed") == 1
        await tab.until(lambda: tab.node == front.node_id, LONG)
        assert "work-end" in world.noted()
        await eventually(lambda: world.row(tab).owner == front.node_id, "the session has moved")
        await tab.do(Click("plus"))
        assert (number(tab, "Step"), number(tab, "Count")) == (20, 2)
        assert tab.closes[-1] == CloseCode.MOVED
    assert world.noted("main", "work-start", "work-end") == ["main", "work-start", "work-end"]
    assert world.noted("plus 1", "plus 2") == ["plus 1", "plus 2"]
    assert metric(front, "relays_ended", role="front", reason="moved") >= 1
    assert metric(front, "relays_fronted") == metric(holder, "relays_held") == 0


@pytest.mark.parametrize("button", ["pick", "pick later"])
async def test_an_open_file_picker_gets_its_answer_through_the_relay(world: World, button: str) -> None:
    holder, front = world.pair()
    place = Place(holder)
    client = Picking(Browser(route=world.route))
    async with world.tab(place, client=client) as tab:
        send(tab, Click(button))
        await tab.until(lambda: client.open is not None)
        await relayed(world, tab, place, front)
        assert tab.node == holder.node_id
        await tab.do(Click("plus"))
        tab.send(client.choose("report.pdf"))
        await tab.until(lambda: "Picked: report.pdf" in client.texts())
        await tab.until(lambda: tab.node == front.node_id, LONG)
        assert number(tab, "Count") == 1
    assert world.noted("pick-start", "pick-end") == ["pick-start", "pick-end"]


@pytest.mark.parametrize("button", ["thread", "own"])
async def test_a_thread_that_works_is_relayed_until_it_has_ended(world: World, button: str) -> None:
    holder, front = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click(button))
        await relayed(world, tab, place, front)
        assert tab.node == holder.node_id
        await tab.do(Click("plus"))
        await tab.until(lambda: number(tab, "Thread") == 20, LONG)
        await tab.until(lambda: tab.node == front.node_id, LONG)
    assert world.noted("thread-start", "thread-end") == ["thread-start", "thread-end"]


async def test_an_unportable_session_is_used_through_a_relay(world: World) -> None:
    holder, front = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("hold"))
        await relayed(world, tab, place, front)
        for clicks in range(1, 4):
            await tab.do(Click("plus"))
            assert number(tab, "Count") == clicks
        await asyncio.sleep(0.5)  # at rest, and stays all the same
        assert (tab.node, world.row(tab).owner) == (holder.node_id, holder.node_id)
        await relayed(world, tab, place, holder)  # its own node needs no relay
        await relayed(world, tab, place, front)
        await tab.do(Click("free"))
        await tab.until(lambda: tab.node == front.node_id, LONG)
        await tab.do(Click("plus"))
        assert number(tab, "Count") == 4
    assert world.noted("main") == ["main"]


@pytest.mark.parametrize("victim", ["holder", "front"])
async def test_who_survives_goes_on_and_no_click_is_lost_or_doubled(world: World, victim: str) -> None:
    holder, front = world.pair()
    third = world.fleet.add()
    place = Place(holder)
    async with world.tab(place) as tab:
        await at_work(tab)
        await relayed(world, tab, place, front)
        for clicks in range(1, 21):
            send(tab, Click("plus"))
            if clicks == 10:
                (holder if victim == "holder" else front).kill()
                if victim == "front":
                    place.move(third)
            await asyncio.sleep(0.01)
        await tab.until(lambda: number(tab, "Count") == 20 and tab.link.pending == 0)
        await tab.settle()
        expected = front if victim == "holder" else third
        await tab.until(lambda: tab.node == expected.node_id)
        assert number(tab, "Count") == 20
        assert not tab.ended
        lines = [line for line in world.fleet.logs().splitlines() if session_of(tab) in line]
    interrupted = [line for line in lines if "on_click was interrupted" in line]
    assert len(interrupted) == (victim == "holder")


async def test_a_leaving_holder_relays_until_its_handler_has_ended(world: World) -> None:
    holder, front = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await at_work(tab)
        place.move(front)
        leaving = asyncio.create_task(asyncio.to_thread(holder.terminate, LONG))
        await tab.until(lambda: tab.resumes == 1)
        assert tab.node == holder.node_id
        first = number(tab, "Step")
        await tab.until(lambda: number(tab, "Step") >= first + 3)
        assert await leaving == 0
        await tab.until(lambda: tab.node == front.node_id, LONG)
        await tab.until(lambda: number(tab, "Step") == 20, LONG)
    assert world.noted("work-start", "work-end") == ["work-start", "work-end"]


async def test_a_leaving_front_sends_its_browsers_to_another(world: World) -> None:
    holder, front = world.pair()
    third = world.fleet.add()
    place = Place(holder)
    async with world.tab(place) as tab:
        await at_work(tab)
        await relayed(world, tab, place, front)
        place.move(third)
        assert await asyncio.to_thread(front.terminate) == 0
        await tab.until(lambda: tab.resumes >= 2)
        await tab.until(lambda: tab.node == third.node_id, LONG)
        await tab.until(lambda: number(tab, "Step") == 20, LONG)
        assert CloseCode.DRAINING in tab.closes


@pytest.mark.parametrize("button", ["hold", "work"])
async def test_a_relayed_session_can_be_ended(world: World, button: str) -> None:
    """Also one whose handler runs just now; nothing of the relay stays behind."""
    holder, front = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        send(tab, Click(button))
        if button == "work":
            await tab.until(lambda: number(tab, "Step") >= 1)
        await relayed(world, tab, place, front)
        id_ = session_of(tab)
        async with inspected(world.fleet) as inspector:
            assert await inspector.kick(id_) == "closed"
            assert await inspector.kick(id_) == "ended"
        await eventually(lambda: tab.ended, "the user is told")
        assert tab.ended.startswith("reset: deleted")
        assert world.records.row(id_) is None
        await eventually(
            lambda: metric(front, "relays_fronted") == metric(holder, "relays_held") == 0, "it ends"
        )
