"""What apps are told: which event they handle, that they were restored, what was cut short."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, World, eventually, leave, seconds, send
from tests.fleet import fleet
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cluster.tools import Marks
    from tests.fleet import Fleet

APP = str(Path(__file__).with_name("told.py"))


@pytest.fixture(scope="module")
def nodes(valkey: str, marks: Marks) -> Iterator[Fleet]:
    options: Mapping[str, str] = {
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }
    with fleet(APP, valkey, 1, **marks.env, **options) as running:
        yield running


@dataclass(frozen=True)
class Told:
    """One note of an event."""

    key: str
    again: bool
    name: str
    pid: int


def told(world: World, what: str) -> list[Told]:
    """Every note of an event, in order."""
    found = []
    for text, pid in world.marks.all(world.route):
        name, _, rest = text.partition(" ")
        if name == what and rest:
            key, again, where = rest.split(" ", 2)
            found.append(Told(key, again == "True", where, pid))
    return found


async def until_told(world: World, what: str, times: int) -> list[Told]:
    return await eventually(  # type: ignore[no-any-return]
        lambda: told(world, what) if len(told(world, what)) >= times else None, f"{times} x {what}"
    )


@pytest.mark.parametrize("button", ["pay", "apay"])
async def test_an_event_that_died_with_its_node_comes_again_with_its_key(world: World, button: str) -> None:
    mortal, heir = world.fleet.add(DIE="pay"), world.pair()[0]
    place = Place(mortal)
    async with world.tab(place) as tab:
        send(tab, Click(button))
        await eventually(lambda: mortal.process.poll() is not None, "the node dies in the handler")
        place.move(heir)
        await tab.settle()
        await tab.do(Click(button))
        assert "Count: 2" in tab.client.texts()
    first, again, other = told(world, "pay")
    assert (first.pid, again.pid) == (mortal.process.pid, heir.process.pid)
    assert first.key == again.key != other.key
    assert [it.again for it in (first, again, other)] == [False, True, False]
    assert first.name.endswith("on_click")
    if button == "apay":  # in threads and tasks of the handler as well
        keys = {it.key for what in ("thread", "nested") for it in told(world, what)}
        assert keys == {first.key, other.key}


async def test_what_was_saved_is_not_delivered_again(world: World) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("pay"))
        place.move(heir)
        holder.kill()
        await tab.until(lambda: tab.resumes == 1)  # what is sent into the dead socket may have been started
        await tab.do(Click("pay"))
    assert [it.again for it in told(world, "pay")] == [False, False]
    assert len({it.key for it in told(world, "pay")}) == 2


async def test_main_has_a_key_too(world: World) -> None:
    mortal, heir = world.fleet.add(DIE="main"), world.pair()[0]
    place = Place(mortal, heir)
    async with world.tab(place) as tab:
        await tab.do(Click("pay"))
    first, again = told(world, "main")
    assert (first.pid, again.pid) == (mortal.process.pid, heir.process.pid)
    assert first.key == again.key
    assert (first.again, again.again) == (False, True)


async def test_a_main_that_was_cut_short_is_reported(world: World) -> None:
    mortal, heir = world.fleet.add(DIE="main-later"), world.pair()[0]
    place = Place(mortal, heir)
    async with world.tab(place) as tab:
        await tab.until(lambda: tab.node == heir.node_id)
        await tab.do(Click("pay"))
        (main,) = told(world, "main")
        assert f"Journal: main={main.key}" in tab.client.texts()
        assert len(told(world, "report")) == 1
    assert heir.log.read_text().count("main was interrupted") == 1


async def test_background_work_that_starts_again_has_its_key(world: World) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("work"))
        await until_told(world, "job", 1)
        place.move(heir)
        holder.kill()
        first, again = await until_told(world, "job", 2)
    assert first.key == again.key
    assert (first.again, again.again) == (False, True)


async def test_restored_comes_before_other_events(world: World) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("pay"))
        place.move(heir)
        holder.kill()
        await tab.do(Click("leave"))
        assert world.noted("restored", "click") == ["restored", "click"]


@pytest.mark.parametrize("die", ["", "report", "report-later"])
async def test_an_interruption_is_reported_once(world: World, die: str) -> None:
    """``report``: the node that reports dies before that is saved. ``report-later``: when it is saved."""
    holder, heir = world.pair()
    place = Place(holder)
    middle = [world.fleet.add(DIE=die)] if die else []
    async with world.tab(place) as tab:
        send(tab, Click("long"))
        await tab.until(lambda: "Journal: begun" in tab.client.texts())
        for node in middle:
            place.move(node)
            holder.kill()
            send(tab, Click("leave"))
            await until_told(world, "report", 1)
            if die == "report-later":
                await tab.until(lambda: any("on_click=" in text for text in tab.client.texts()))
                node.kill()
            await eventually(lambda node=node: node.process.poll() is not None, "the reporting node dies")  # type: ignore[misc]
        place.move(heir)
        if not middle:
            holder.kill()
        await tab.do(Click("pay"))
        (long,) = told(world, "long")
        assert f"Journal: begun on_click={long.key}" in tab.client.texts()
    reports = told(world, "report")
    assert len(reports) == (2 if die == "report" else 1)
    assert len({it.key for it in reports}) == 1
    if die == "report-later":
        assert "on_interrupted handler" in heir.log.read_text()


@pytest.mark.parametrize("how", ["leave", "cut"])
async def test_a_resource_is_closed_where_the_session_was(world: World, how: str) -> None:
    holder, heir = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        for button in ("use", "ause", "use"):
            await tab.do(Click(button))
        place.move(heir)
        if how == "leave":
            assert await leave(holder) == 0
        else:
            await tab.cut()
        await tab.do(Click("use"))
        await tab.do(Click("ause"))
        assert "Count: 5" in tab.client.texts()
        await world.until_noted("close")
        await world.until_noted("aclose")
        notes = [(what, pid) for what, pid in world.marks.all(world.route) if what in {"open", "close"}]
        here, there = holder.process.pid, heir.process.pid
        assert sorted(notes) == sorted([("open", here), ("close", here), ("open", there)])
        anotes = [what for what in world.noted() if what in {"aopen", "aclose"}]
        assert sorted(anotes) == ["aclose", "aopen", "aopen"]
