"""A node that joins a cluster under load gets its share of users, who notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.tools import PATIENCE, PROBE, Place, World, eventually, seconds, send
from tests.environment import without_settings
from tests.fleet import SECRET, fleet
from tests.steps import Click
from tests.tab import open_tab

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from tests.cluster.tools import Marks
    from tests.fleet import Fleet
    from tests.tab import Tab

USERS = 20
FAIR = USERS // 2
TOLERATED = 3


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"FLET_CLUSTER_REBALANCE_RATE": "0"}


def command(fleet: Fleet, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """``flet-cluster rebalance`` as an operator would call it."""
    kept = without_settings()
    return subprocess.run(
        [sys.executable, "-m", "flet_cluster.cli", "rebalance", *arguments],
        env={
            **kept,
            "FLET_CLUSTER_REDIS_URL": fleet.redis_url,
            "FLET_CLUSTER_APP_NAME": fleet.app_name,
            "FLET_SECRET_KEY": SECRET,
            "NO_COLOR": "1",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE * 3,
        check=False,
    )


@contextlib.asynccontextmanager
async def users(place: Place) -> AsyncIterator[list[Tab]]:
    """Tabs with a session each, all at one place."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(open_tab(place, Browser(route=f"/{secrets.token_hex(4)}")))
            for _ in range(USERS)
        ]


def spread(tabs: Sequence[Tab]) -> Counter[str]:
    """How many users each node has."""
    return Counter(tab.node for tab in tabs)


def is_level(tabs: Sequence[Tab], nodes: int = 2) -> bool:
    counts = spread(tabs)
    return len(counts) == nodes and max(counts.values()) <= FAIR + TOLERATED


async def click_on(tabs: Sequence[Tab], clicks: list[int]) -> None:
    """Click everywhere, for ever."""
    while True:
        for tab in tabs:
            send(tab, Click("plus"))
        clicks[0] += 1
        await asyncio.sleep(0.1)


async def none_lost(tabs: Sequence[Tab], clicks: int) -> None:
    """Assert that every user's clicks count once, and that none saw more than a new socket."""
    for tab in tabs:
        await tab.settle()
        assert f"Count: {clicks}" in tab.client.texts()
        assert set(tab.closes) <= {CloseCode.MOVED}
        assert tab.resumes == len(tab.nodes) - 1


async def test_asked_to_the_nodes_level_their_load_while_users_click(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    async with users(place) as tabs:
        place.move(first, second)
        clicks = [0]
        clicking = asyncio.create_task(click_on(tabs, clicks))
        done = await asyncio.to_thread(command, world.fleet)
        clicking.cancel()
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.endswith("The load is level.\n")
        assert {first.node_id, second.node_id} <= set(done.stdout.split())
        await eventually(lambda: is_level(tabs), f"level: {spread(tabs)}")
        await none_lost(tabs, clicks[0])


async def test_by_itself_a_node_lets_go_of_what_others_have_room_for(valkey: str, marks: Marks) -> None:
    options = {"FLET_CLUSTER_REBALANCE_RATE": "40", "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2)}
    with fleet(PROBE, valkey, 1, **marks.env, **options) as nodes:
        place = Place(nodes.nodes[0])
        async with users(place) as tabs:
            joined = await asyncio.to_thread(nodes.add)
            place.move(nodes.nodes[0], joined)
            await eventually(lambda: is_level(tabs), "the load is level")
            for tab in tabs:
                send(tab, Click("plus"))
            await none_lost(tabs, 1)
        assert "Traceback" not in nodes.logs()


async def test_who_is_sent_back_by_the_balancer_stays_in_the_end(world: World) -> None:
    """With an affinity in front, moving is not possible; users must not be sent to and fro for that."""
    first, _ = world.pair()
    async with users(Place(first)) as tabs:
        done = await asyncio.to_thread(command, world.fleet, "--timeout", seconds(6))
        assert done.returncode == 1
        assert "not level" in done.stdout
        for tab in tabs:
            send(tab, Click("plus"))
        await none_lost(tabs, 1)
        assert spread(tabs) == {first.node_id: USERS}
        assert max(len(tab.nodes) for tab in tabs) == 2  # moved once, and then left in peace


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"FLET_CLUSTER_REDIS_URL": ""}, "--redis-url"),
        ({"FLET_CLUSTER_APP_NAME": ""}, "--app-name"),
        ({"FLET_SECRET_KEY": ""}, "FLET_SECRET_KEY"),
        ({"FLET_CLUSTER_APP_NAME": "nobody"}, "No node of the app 'nobody'"),
        ({"FLET_CLUSTER_REDIS_URL": "redis://127.0.0.1:1/0"}, "127.0.0.1:1"),
    ],
)
def test_what_is_missing_is_named(nodes: Fleet, env: Mapping[str, str], message: str) -> None:
    done = command(nodes, **env)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
