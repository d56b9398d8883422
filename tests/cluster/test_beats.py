"""Background work starts again on the node that has the session, and never runs on two at once."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.cluster.tools import Marks, Place, World, eventually, leave, seconds
from tests.fleet import fleet
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fleet import Fleet, FleetNode
    from tests.tab import Tab

APP = str(Path(__file__).with_name("beats.py"))
DRAIN = 3.0


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("beats") / "beats.jsonl"
    path.touch()
    return path


@pytest.fixture(scope="module")
def nodes(valkey: str, marks: Marks, beats: Path) -> Iterator[Fleet]:
    options = {
        "BEATS": str(beats),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
        "FLET_CLUSTER_DRAIN_TIMEOUT": str(DRAIN),
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.2),
        "FLET_CLUSTER_METRICS": "true",
    }
    with fleet(APP, valkey, 1, **marks.env, **options) as running:
        yield running


class Beats:
    """What ticked in the session of a test, and where."""

    def __init__(self, path: Path, route: str) -> None:
        self._path = path
        self._route = route

    def all(self) -> dict[str, list[tuple[float, int]]]:
        """(When, process) of each step, by what ticked."""
        found = defaultdict(list)
        for line in self._path.read_bytes().splitlines():
            step: dict[str, Any] = json.loads(line)
            if step["route"] == self._route:
                found[step["name"]].append((step["at"], step["pid"]))
        return found

    async def on(self, node: FleetNode, *names: str, times: int = 3) -> None:
        """Wait until each of these has ticked on a node."""

        def enough() -> bool:
            beats = self.all()
            return all([pid for _, pid in beats[name]].count(node.process.pid) >= times for name in names)

        await eventually(enough, f"{names} tick on {node.log.name}")

    def never_at_once(self) -> None:
        """Fail if something ticked on a node after it had begun on the next one."""
        for name, steps in self.all().items():
            pids = [pid for _, pid in sorted(steps)]
            changes = sum(one != other for one, other in itertools.pairwise(pids))
            assert changes == len(set(pids)) - 1, f"{name} ran on two nodes at once: {pids}"


@pytest.fixture
def ticked(beats: Path, world: World) -> Beats:
    return Beats(beats, world.route)


def tasks_lost(node: FleetNode) -> float:
    """What the node's metric says."""
    lines = httpx.get(f"http://127.0.0.1:{node.port}/metrics").text.splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.startswith("flet_cluster_tasks_lost_total")
    )


ALL = ("clock", "pulse", "pulse-part", "task", "thread")


async def start_all(tab: Tab) -> None:
    for button in ("mount", "task", "thread"):
        await tab.do(Click(button))


@pytest.mark.parametrize("how", ["kill", "leave", "cut"])
async def test_each_starts_once_where_the_session_is(world: World, ticked: Beats, how: str) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await start_all(tab)
        await ticked.on(holder, *ALL)
        place.move(heir)
        if how == "kill":
            holder.kill()
        elif how == "leave":
            assert await leave(holder) == 0
        else:
            await tab.cut()
        await ticked.on(heir, *ALL)
        await tab.do(Click("plus"))
        assert "Count: 1" in tab.client.texts()
        ticked.never_at_once()
        starts = [f"{name} starts" for name in ALL]
        assert sorted(world.noted(*starts)) == sorted(2 * starts)


async def test_a_frozen_node_that_wakes_up_takes_no_step(world: World, ticked: Beats) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    names = ("clock", "pulse", "pulse-part", "task", "effect")
    async with world.tab(place) as tab, world.tab(place) as declarative:
        for button in ("mount", "task"):
            await tab.do(Click(button))
        await declarative.do(Click("effect"))
        await ticked.on(holder, *names)
        holder.pause()
        place.move(heir)
        await tab.cut()
        await declarative.cut()
        await ticked.on(heir, *names)
        holder.go_on()
        before = len(ticked.all()["task"])
        await eventually(lambda: len(ticked.all()["task"]) > before + 25, "it goes on ticking")
        assert tab.node == declarative.node == heir.node_id
        ticked.never_at_once()
        starts = [f"{name} starts" for name in names]
        assert sorted(world.noted(*starts)) == sorted(2 * starts)


async def test_a_frozen_node_that_nobody_missed_goes_on(world: World, ticked: Beats) -> None:
    holder, _ = world.pair()
    async with world.tab(Place(holder)) as tab:
        await tab.do(Click("task"))
        await ticked.on(holder, "task")
        holder.pause()
        key = f"fc:{world.fleet.app_name}:node:{holder.node_id}"
        await eventually(lambda: not world.records.redis.exists(key), "its heartbeat expires")
        before = len(ticked.all()["task"])
        holder.go_on()
        await eventually(lambda: len(ticked.all()["task"]) > before + 3, "it ticks again")
        assert world.noted("task starts") == ["task starts"]


@pytest.mark.parametrize("button", ["mount", "amount"])
async def test_a_control_that_came_back_can_end_what_it_had_started(
    world: World, ticked: Beats, button: str
) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click(button))
        await ticked.on(holder, "pulse", "pulse-part")
        place.move(heir)
        holder.kill()
        await ticked.on(heir, "pulse", "pulse-part")
        await tab.do(Click("unmount"))
        quiet = {name: len(ticked.all()[name]) for name in ("pulse", "pulse-part", "clock")}
        await ticked.on(heir, "clock", times=quiet["clock"] + 10)
        after = ticked.all()
        assert [len(after[name]) - quiet[name] <= 1 for name in ("pulse", "pulse-part")] == [True, True]


@pytest.mark.parametrize("button", ["short", "short thread"])
async def test_what_the_app_started_by_itself_is_waited_for(world: World, button: str) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click(button))
        await world.until_noted("short starts")
        place.move(heir)
        assert await leave(holder) == 0
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts(), "what it did is part of what moved"
        assert world.noted("short starts", "short ends") == ["short starts", "short ends"]
    assert "is lost" not in holder.log.read_text()


async def test_a_thread_of_the_app_goes_on_while_its_user_is_away(world: World) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("short thread"))
        await world.until_noted("short starts")
        place.move()
        await tab.cut()
        await world.until_noted("short ends")
        place.move(heir)
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts(), "what it did is part of what moved"


@pytest.mark.parametrize("button", ["endless", "outliving", "endless thread"])
async def test_it_is_lost_when_the_time_to_leave_is_over(world: World, button: str) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click(button))
        await world.until_noted("endless starts")
        place.move(heir)
        assert await leave(holder) == 0
        await tab.do(Click("plus"))
        assert "Count: 1" in tab.client.texts()
    (line,) = [line for line in holder.log.read_text().splitlines() if "is lost with this node" in line]
    assert "thread" not in button or "thread endless (main.<locals>.endless_thread)" in line
    assert "thread" in button or "task endless (main.<locals>.endless)" in line
    assert "was lost" not in heir.log.read_text()
    assert world.noted("endless starts") == ["endless starts"]


async def test_a_bare_task_that_died_with_its_node_is_named_by_the_next_one(world: World) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    before = tasks_lost(heir)
    async with world.tab(place) as tab:
        await tab.do(Click("endless"))
        await world.until_noted("endless starts")
        await tab.do(Click("plus"))
        place.move(heir)
        holder.kill()
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
    assert "task endless (main.<locals>.endless) was lost with its node" in heir.log.read_text()
    assert tasks_lost(heir) == before + 1
