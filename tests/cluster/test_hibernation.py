"""Quiet sessions of connected users leave memory, and nobody notices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.test_plain_clients import opened
from tests.cluster.tools import Place, World, eventually, metric, seconds, session_of
from tests.fleet import fleet
from tests.steps import Change, Click, Find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cluster.tools import Marks
    from tests.fleet import Fleet, FleetNode

    from flet_cluster.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_HIBERNATE_AFTER": "0.3",
        "FLET_CLUSTER_METRICS": "true",
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
        "WORK": seconds(1),
    }


@pytest.fixture(scope="module")
def nodes(server: EmbeddedServer, options: Mapping[str, str], marks: Marks) -> Iterator[Fleet]:
    app = str(Path(__file__).with_name("sleepy.py"))
    with fleet(app, server.url, 2, **marks.env, **options) as running_nodes:
        yield running_nodes


def awake(node: FleetNode) -> float:
    """How many sessions of a node have their objects in memory."""
    return metric(node, "sessions", objects="awake")


async def asleep(node: FleetNode) -> None:
    """Wait until no session of a node has objects."""
    await eventually(lambda: awake(node) == 0, f"all sleep: {awake(node)}")


async def test_a_click_wakes_what_is_rebuilt_from_the_record(world: World) -> None:
    node, _ = world.pair()
    before, count = metric(node, "restore_seconds_count"), 0
    async with world.tab(Place(node)) as tab:
        while metric(node, "restore_seconds_count") == before:  # the objects go with the next collection
            await tab.do(Click("plus"))
            count += 1
            assert f"Count: {count}" in tab.client.texts()
            await asleep(node)
            assert count < 50
        await tab.do(Click("plus"))
        assert f"Count: {count + 1}" in tab.client.texts()
        assert len(tab.nodes) == 1  # over the same socket all the time
    assert metric(node, "hibernated_total") > 0
    assert metric(node, "tasks_lost_total") == 0


async def test_a_plain_client_is_awoken_too(world: World) -> None:
    node, _ = world.pair()
    async with opened(node, Browser(route=world.route), "Count: 0") as client:
        await asleep(node)
        await client.do(Click("plus"), "Count: 1")
        await asleep(node)
        await client.do(Click("plus"), "Count: 2")


async def test_what_is_typed_while_it_sleeps_is_there(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:
        await asleep(node)
        await tab.do(Change(Find(type="TextField"), "Ada"))
        await asleep(node)
        await tab.do(Click("show"))
        assert "Heard: Ada []" in tab.client.texts()


@pytest.mark.parametrize("how", ["kill", "cut", "empty store"])
async def test_it_is_found_again_whatever_happens(world: World, server: EmbeddedServer, how: str) -> None:
    node, other = world.pair()
    place = Place(node)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        await asleep(node)
        if how == "kill":
            place.move(other)
            node.kill()
        elif how == "cut":
            await tab.cut()
        else:
            world.records.redis.flushall()
            await eventually(lambda: world.records.row(session_of(tab)), "its record is written back")
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert not tab.ended


async def test_a_thread_of_the_app_keeps_its_session_awake_and_is_in_the_record(world: World) -> None:
    node, other = world.pair()
    place = Place(node)
    async with world.tab(place) as tab:
        await tab.do(Click("work"))
        await asleep(node)  # not before the thread has ended
        place.move(other)
        await tab.cut()
        await tab.do(Click("show"))
        assert "Heard: None ['it']" in tab.client.texts() or "Heard:  ['it']" in tab.client.texts()


async def test_pages_that_the_app_keeps_stay_what_they_are(world: World) -> None:
    node, _ = world.pair()
    place = Place(node)
    async with (
        world.tab(place, Browser(route=f"{world.route}a")) as one,
        world.tab(place, Browser(route=f"{world.route}b")) as two,
    ):
        await one.do(Click("join"))
        await asleep(node)
        for _ in range(2):  # the second time from a sleep that came after it was used by another one
            await two.do(Click("tell"))
            await one.until(lambda: f"News: {world.route}b" in one.client.texts())
            await asleep(node)
        await one.do(Click("plus"))
        assert "Count: 1" in one.client.texts()
        for tab in (one, two):
            await tab.do(Click("plus"))


async def test_a_session_without_user_leaves_the_node(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:
        await tab.do(Click("plus"))
        before = metric(node, "sessions")
    await eventually(lambda: metric(node, "sessions") < before, "it is given back")


@pytest.mark.parametrize("what", ["forever", "listen"])
async def test_who_has_work_or_listens_stays_awake(world: World, what: str) -> None:
    node, _ = world.pair()
    place = Place(node)
    async with world.tab(place) as busy, world.tab(place, Browser(route=f"{world.route}q")) as quiet:
        await busy.do(Click(what))
        for _ in range(3):  # as often as the other one has fallen asleep, it could have
            before = metric(node, "hibernated_total")
            await quiet.do(Click("plus"))
            await eventually(lambda: metric(node, "hibernated_total") > before, "the other one sleeps")  # noqa: B023
        assert awake(node) >= 1
        await busy.do(Click("plus"))
        assert "Count: 1" in busy.client.texts()
