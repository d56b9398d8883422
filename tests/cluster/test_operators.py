"""What operators read of a live cluster, and what they do to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.operators import COMMAND, call, environment, said, told
from tests.cluster.tools import PATIENCE, Place, World, eventually, seconds, session_of
from tests.steps import Click

from flet_cluster.inspection.facts import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fleet import Fleet


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_SESSION_TIMEOUT": seconds(10),  # sessions are looked after five times in so long
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(2),
        "FLET_CLUSTER_DRAIN_TIMEOUT": seconds(5),
    }


async def life(world: World, session_id: str) -> list[tuple[str, str]]:
    """What has happened to a session, and where."""
    shown = await told(world.fleet, "session", "show", session_id)
    return [(event["kind"], event["node"]) for event in shown["session"]["events"]]


async def state_of(world: World, session_id: str, **env: str) -> Any:
    shown = await told(world.fleet, "session", "show", session_id, **env)
    return shown["session"]["facts"]["state"]


async def test_nodes_and_their_sessions_are_listed(world: World) -> None:
    first, second = world.pair()
    async with world.tab(Place(first)) as tab:
        await tab.do(Click("plus"))
        nodes = {node["node_id"]: node for node in await told(world.fleet, "nodes")}
        assert {first.node_id, second.node_id} <= set(nodes)
        assert nodes[first.node_id]["pid"] == first.process.pid
        assert nodes[first.node_id]["address"] == f"127.0.0.1:{first.port}"
        assert nodes[first.node_id]["memory"] > 1_000_000
        assert nodes[first.node_id]["started"] < time.time()
        id_ = session_of(tab)
        found = (await told(world.fleet, "sessions"))["sessions"]
        (mine,) = [one for one in found if one["session_id"] == id_]
        assert (mine["owner"], mine["state"], mine["main"]) == (first.node_id, State.CONNECTED, "done")
        assert mine["commits"] >= 2
        assert mine["snapshot"] > 100
        here = await told(world.fleet, "sessions", "--node", first.node_id[:-2], "--state", "connected")
        there = await told(world.fleet, "sessions", "--node", second.node_id)
        assert id_ in {one["session_id"] for one in here["sessions"]}
        assert id_ not in {one["session_id"] for one in there["sessions"]}
        for words in (("nodes",), ("sessions",), ("session", "show", id_[:-1])):
            assert first.node_id in await said(world.fleet, *words)
        shown = await told(world.fleet, "session", "show", id_)
        assert (shown["look"]["connected"], shown["look"]["route"]) == (True, world.route)
        without_key = await told(world.fleet, "session", "show", id_, FLET_SECRET_KEY="")
        assert without_key["look"] is None
        assert without_key["session"]["facts"]["session_id"] == id_


async def test_figures_follow_what_happens(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:

        async def rate() -> float:
            await tab.do(Click("plus"))
            nodes = {one["node_id"]: one for one in await told(world.fleet, "nodes")}
            assert nodes[node.node_id]["connected"] >= 1
            return float(nodes[node.node_id]["events"])

        async with asyncio.timeout(PATIENCE):
            while not await rate():
                pass
        top = await said(world.fleet, "top", "--once")
        assert {node.node_id, world.fleet.app_name} <= set(top.split())


async def test_a_session_has_a_life(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        id_ = session_of(tab)
        place.move(second)
        await asyncio.to_thread(first.kill)
        await tab.until(lambda: tab.node == second.node_id)
        expected = [("created", first.node_id), ("seized", second.node_id), ("resumed", second.node_id)]
        async with asyncio.timeout(PATIENCE):
            while await life(world, id_) != expected:
                await asyncio.sleep(0.1)
        assert "seized" in await said(world.fleet, "session", "show", id_)
    async with asyncio.timeout(PATIENCE):
        while await state_of(world, id_) != State.ASLEEP:
            await asyncio.sleep(0.1)
    assert (await life(world, id_))[3:] == [("left", second.node_id), ("released", second.node_id)]


async def test_a_kicked_user_is_told_and_the_app_too(world: World) -> None:
    node, other = world.pair()
    async with world.tab(Place(node, other)) as tab:
        await tab.do(Click("plus"))
        id_ = session_of(tab)
        assert (await told(world.fleet, "kick", id_))["outcome"] == "closed"
        await eventually(lambda: tab.ended, "the user is told")
        assert tab.ended.startswith("reset: deleted")
        assert world.noted("disconnect", "close") == ["disconnect", "close"]
        assert world.records.row(id_) is None
        assert "had ended before" in await said(world.fleet, "kick", id_)
        assert [kind for kind, _ in await life(world, id_)] == ["created", "ended"]
        assert "kicked" in await said(world.fleet, "session", "show", id_)


async def test_a_session_that_sleeps_is_kicked_where_its_app_is(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:
        id_, token = session_of(tab), tab.link.token
        instance = tab.link.instance
    await eventually(lambda: world.records.existing(id_).owner == "", "it sleeps")
    assert (await told(world.fleet, "kick", id_))["outcome"] == "closed"
    assert world.noted("close") == ["close"]
    with contextlib.suppress(Exception):
        async with world.tab(Place(node), token=token, instance=instance):
            raise AssertionError("it must not come back")


async def test_a_session_of_a_dead_node_is_ended_in_the_store(world: World) -> None:
    node, other = world.pair()
    place = Place(node)
    async with world.tab(place) as tab:
        id_ = session_of(tab)
        place.move()
        await asyncio.to_thread(node.kill)
        outcome = (await told(world.fleet, "kick", id_))["outcome"]
        assert outcome in {"cut", "closed"}  # the latter if its node was known to be dead already
        place.move(other)
        await eventually(lambda: tab.ended, "the user is told")
        assert world.records.row(id_) is None


async def test_who_holds_a_kicked_session_loses_it_though_nobody_tells(world: World) -> None:
    """As when the bus is away: the node finds out in the store."""
    node, other = world.pair()
    async with world.tab(Place(node, other)) as tab:
        id_ = session_of(tab)
        world.records.redis.delete(world.records.key(id_))
        world.records.redis.set(world.records.key(id_)[:-1] + "x", "9 -", px=60_000)
        await eventually(lambda: tab.ended, "the user is told")


async def test_a_drained_node_hands_over_and_leaves(world: World) -> None:
    node, other = world.pair()
    place = Place(node)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        place.move(other)
        printed = await said(world.fleet, "drain", node.node_id[:8])
        assert printed.endswith(f"Node {node.node_id} has left.\n")
        assert await asyncio.to_thread(node.process.wait, PATIENCE) == 0
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert tab.resumes == 1
    kinds = [kind for kind, _ in await life(world, session_of(tab))]
    assert kinds[:3] == ["created", "released", "taken"]


async def test_workers_are_replaced_before_one_is_drained(world: World) -> None:
    _, other = world.pair()
    pair = world.fleet.spawn(FLET_CLUSTER_WORKERS="2")
    world.fleet.wait_ready(pair)

    async def workers() -> set[str]:
        nodes = await told(world.fleet, "nodes")
        return {one["node_id"] for one in nodes if one["address"].endswith(f":{pair.port}")}

    async with asyncio.timeout(PATIENCE):
        while len(before := await workers()) < 2:
            await asyncio.sleep(0.1)
    async with world.tab(Place(pair, other)) as tab:
        await tab.do(Click("plus"))
        gone = sorted(before)[0]
        await said(world.fleet, "drain", gone)
        after = await workers()
        assert len(after) == 2
        assert gone not in after
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
    assert await asyncio.to_thread(pair.terminate, PATIENCE) == 0


async def test_top_is_ended_by_a_key(world: World) -> None:
    world.pair()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "top", "--interval", "0.3"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**environment(world.fleet), "TERM": "xterm", "COLUMNS": "200", "LINES": "40"},
    )
    try:
        os.close(theirs)
        seen = b""

        def shown() -> bool:
            nonlocal seen
            while select.select([ours], [], [], 0)[0]:
                seen += os.read(ours, 4096)
            return b"q: quit" in seen

        await eventually(shown, "top shows something")
        assert world.fleet.app_name.encode() in seen
        os.write(ours, b"q")
        ended = await eventually(lambda: (shown(), process.poll() is not None)[1], "it ends")
        assert ended
        assert process.returncode == 0
    finally:
        process.kill()
        _, errors = process.communicate()
        os.close(ours)
    assert errors == b""


@pytest.mark.parametrize(
    ("words", "env", "code", "message"),
    [
        (["nodes"], {"FLET_CLUSTER_APP_NAME": ""}, 2, "--app-name"),
        (["sessions"], {"FLET_CLUSTER_REDIS_URL": ""}, 2, "--redis-url"),
        (["sessions", "--state", "dead"], {}, 2, "connected, away, asleep"),
        (["sessions", "--cursor", "x"], {}, 2, "'x' is no cursor"),
        (["kick", "s"], {"FLET_SECRET_KEY": ""}, 2, "FLET_SECRET_KEY"),
        (["nodes"], {"FLET_CLUSTER_REDIS_URL": "redis://127.0.0.1:1/0"}, 1, "127.0.0.1:1"),
        (["session", "show", "nobody"], {}, 3, "no session 'nobody'"),
        (["kick", "nobody-has-this-very-long-id"], {}, 3, "no session"),
        (["drain", "n-0"], {"FLET_CLUSTER_APP_NAME": "nobody"}, 3, "no node 'n-0'"),
    ],
)
def test_what_is_wrong_is_said(
    nodes: Fleet, words: list[str], env: Mapping[str, str], code: int, message: str
) -> None:
    done = call(nodes, *words, **env)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


async def test_another_key_is_refused_before_anything_is_done(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:
        key = {"FLET_SECRET_KEY": "another key that no node of this fleet has"}
        for words in (("kick", session_of(tab)), ("drain", node.node_id)):
            done = await asyncio.to_thread(call, world.fleet, *words, **key)
            assert done.returncode == 2
            assert "opens none of the app's sessions" in done.stderr
        await tab.do(Click("plus"))
        assert node.process.poll() is None
