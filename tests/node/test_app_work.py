"""What an app's code sets going by itself keeps its session, for as long as it is not over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.node import works_app
from tests.node.desk import desk
from tests.steps import Click

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.node.desk import Desk

WAITING = ["thread", "job", "pooled"]
TIMERS = ["timer", "later", "at"]


@pytest.fixture(autouse=True)
def _app(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("tests.node.desk.main", works_app.main)
    works_app.END.clear()
    yield
    works_app.END.set()
    while works_app.LISTENERS:
        works_app.LISTENERS.pop().stop()


async def begun(work: Desk, what: str) -> None:
    """Click, and wait until there is nothing to commit."""
    work.do(Click(what))
    await work.settle()


async def gone(work: Desk) -> None:
    """Wait until the session is given back, and take it as another node would."""
    await work.until(lambda: work.seat.lost)
    record = await work.store.acquire(work.seat.id, work.node.id, 60.0)
    seat = work.node.seat_from(record, work.seat.token)  # type: ignore[arg-type]  # free, so not Held
    work.wire.code, work.seat = None, seat
    seat.attach(work.wire, seat.instance)


def names(work: Desk) -> list[str]:
    """What would be reported as lost, were the node to die now."""
    assert work.seat.committed is not None
    return [entry.what for entry in work.node.vault.running(work.seat.id, work.seat.committed)]


@pytest.mark.parametrize("what", [*WAITING, *TIMERS, "chain"])
async def test_a_session_leaves_when_its_work_is_over_and_has_what_that_did(what: str) -> None:
    async with desk() as work:
        await begun(work, what)
        assert not work.seat.at_rest
        assert names(work)
        work.seat.detach(work.wire, for_good=True)
        await asyncio.sleep(0.05)
        assert not work.seat.lost
        works_app.END.set()
        await gone(work)
        await begun(work, "end")
        done = {"chain": "link"}.get(what, "wait" if what in WAITING else what)
        assert work.shows(f"Done: {[done] * (4 if what == 'chain' else 1)}")


async def test_a_session_leaves_when_its_recorded_work_is_over() -> None:
    async with desk() as work:
        await begun(work, "background")
        work.seat.detach(work.wire, for_good=True)
        await asyncio.sleep(0.1)
        assert not work.seat.lost
        works_app.END.set()
        await gone(work)
        await begun(work, "end")
        assert work.shows("Done: ['background']")


async def test_what_cannot_travel_outlives_its_users_absence() -> None:
    async with desk() as work:
        await begun(work, "hold")
        await work.until(lambda: work.seat.cannot_travel)
        work.seat.detach(work.wire, for_good=True)
        await asyncio.sleep(0.1)
        assert not work.seat.lost
        work.seat.attach(work.wire, work.seat.instance)
        await begun(work, "free")
        work.seat.detach(work.wire, for_good=True)
        await gone(work)


async def test_who_becomes_unable_to_travel_while_waited_for_stays() -> None:
    async with desk() as work:
        work.do(Click("hold"))
        assert await work.node.departures.release_for_peer(work.seat.id) == "busy"
        assert work.seat.cannot_travel
        assert not work.seat.lost


async def test_what_was_cancelled_is_not_waited_for() -> None:
    async with desk() as work:
        await begun(work, "cancelled")
        await work.until(lambda: work.seat.at_rest)
        assert names(work) == []


async def test_threads_of_libraries_keep_nobody() -> None:
    async with desk() as work:
        await begun(work, "foreign")
        await work.until(lambda: work.seat.at_rest)
        assert work.seat.live is not None
        assert work.seat.live.work.may_touch_objects, "its objects stay all the same"


async def test_nobody_is_moved_without_need_while_work_would_begin_again() -> None:
    async with desk() as work:
        await work.until(lambda: work.seat.movable)
        await begun(work, "recorded")
        await work.until(lambda: work.seat.at_rest)
        assert not work.seat.movable


async def test_a_timer_cannot_end_the_process() -> None:
    async with desk() as work:
        errors: list[Any] = []
        work.node.loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
        await begun(work, "exits")
        await work.until(lambda: errors)
        assert "cannot end the process" in str(errors[0])


async def test_what_is_cut_short_is_named_and_timers_do_not_fire(caplog: pytest.LogCaptureFixture) -> None:
    async with desk() as work:
        for what in ("thread", "later"):
            await begun(work, what)
        assert await work.node.departures.send_away(work.seat, CloseCode.DRAINING, 0.05) is False
        assert "wait) is lost with this node" in caplog.text
        assert "timer (list.append) is lost with this node" in caplog.text
        await asyncio.sleep(works_app.SHORT)
        await gone(work)
        await begun(work, "end")
        assert work.shows("Done: []")


async def test_what_never_ends_does_not_keep_a_session_past_its_time_nor_ends_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with desk() as work:
        await begun(work, "thread")
        await begun(work, "share")
        work.seat.detach(work.wire, for_good=True)
        await asyncio.wait_for(work.node._upkeep._run_close(work.seat), 5)
        assert work.seat.lost
        assert "is lost" not in caplog.text, "in Flet it goes on, and finds that there is no page"
        works_app.END.set()
        assert await works_app.TASKS.pop()
