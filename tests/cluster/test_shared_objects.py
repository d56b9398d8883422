"""What sessions share through the app's modules stays one while they sleep where they were, as with stock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.test_hibernation import asleep
from tests.cluster.tools import Place, World, eventually, metric, seconds, session_of
from tests.fleet import fleet
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cluster.tools import Marks
    from tests.fleet import Fleet, FleetNode
    from tests.tab import Tab

ROUNDS = 50
"""Attempts until a session is rebuilt: its objects go with a collection."""


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_HIBERNATE_AFTER": "0.3",
        "FLET_CLUSTER_METRICS": "true",
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.2),
    }


@pytest.fixture(scope="module")
def nodes(valkey: str, options: Mapping[str, str], marks: Marks) -> Iterator[Fleet]:
    app = str(Path(__file__).with_name("rooms.py"))
    with fleet(app, valkey, 2, **marks.env, **options) as running_nodes:
        yield running_nodes


async def shown(tab: Tab) -> tuple[int, int, int, bool]:
    """What a user sees of the room and the history, and whether they are the module's."""
    await tab.do(Click("look"))
    _, clicks, corner, lines, same = tab.client.texts()[0].split()
    return int(clicks), int(corner), int(lines), same == "True"


async def until_rebuilt(node: FleetNode, tab: Tab) -> int:
    """Let a user click and sleep until the objects had to be rebuilt; how often that was."""
    before, count = metric(node, "restore_seconds_count"), 0
    while metric(node, "restore_seconds_count") == before:
        await asleep(node)
        await tab.do(Click("enter"))
        count += 1
        assert count < ROUNDS
    return count


async def test_what_two_users_share_is_still_one_after_both_have_slept(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as one, world.tab(Place(node)) as other:
        await one.do(Click("enter"))
        clicks, corner, lines, _ = await shown(other)
        for tab in (one, other):
            count = await until_rebuilt(node, tab)
            clicks, corner, lines = clicks + count, corner + count, lines + count
        assert await shown(one) == await shown(other) == (clicks, corner, lines, True)


async def test_a_user_who_returns_to_the_same_node_finds_the_same_objects(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as stayed:
        async with world.tab(Place(node)) as left:
            await left.do(Click("enter"))
            token = left.link.token
            record = session_of(left)
        await eventually(lambda: not world.records.existing(record).owner, "the session is released")
        await stayed.do(Click("enter"))
        async with world.tab(Place(node), Browser(route=world.route), token=token) as back:
            await back.do(Click("enter"))
            assert await shown(back) == await shown(stayed)
            assert (await shown(back))[3]


async def test_elsewhere_a_session_goes_on_with_copies(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        await tab.do(Click("enter"))
        clicks, corner, lines, same = await shown(tab)
        assert same
        place.move(second)
        await tab.cut()
        await tab.until(lambda: tab.node == second.node_id)
        async with world.tab(Place(second)):  # there the module has a room of its own
            assert await shown(tab) == (clicks, corner, lines, False)
        place.move(first)
        await tab.cut()
        await tab.until(lambda: tab.node == first.node_id)
        await tab.do(Click("enter"))  # what was left behind here is of an older commit
        assert await shown(tab) == (clicks + 1, corner + 1, lines + 1, False)


async def test_news_reach_a_page_that_the_app_keeps_while_its_user_is_away(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as stayed:
        async with world.tab(Place(node)) as left:
            await left.do(Click("join"))
            token, record = left.link.token, session_of(left)
        await world_knows_of_absence(world, record)
        await stayed.do(Click("enter"))
        await stayed.do(Click("tell"))
        clicks = (await shown(stayed))[0]
        assert world.records.existing(record).owner, "it stays while the app keeps its page"
        async with world.tab(Place(node), Browser(route=world.route), token=token) as back:
            assert f"News: {clicks}" in back.client.texts()
        await stayed.do(Click("part"))
        await eventually(lambda: not world.records.existing(record).owner, "nobody keeps it any more")


async def world_knows_of_absence(world: World, record: str) -> None:
    """Wait until a session's app was told that its user has left."""
    await eventually(lambda: b'"away":true' in world.records.existing(record).fields["meta"], "it is away")


async def test_a_page_that_the_app_knows_weakly_stays_in_memory(world: World) -> None:
    node, _ = world.pair()
    place = Place(node)
    async with world.tab(place) as tab, world.tab(place, Browser(route=f"{world.route}q")) as other:
        await tab.do(Click("star"))
        for _ in range(2):  # as often as the other one has fallen asleep, it could have
            before = metric(node, "hibernated_total")
            await other.do(Click("look"))
            await eventually(lambda: metric(node, "hibernated_total") > before, "the other one sleeps")  # noqa: B023
        await tab.do(Click("star"))
        assert "Stars: 2" in tab.client.texts()
