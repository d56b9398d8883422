"""Threads of ``page.run_thread``: what snapshots hold of them, and how they end (I1, I7, I9)."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.node import threads_app
from tests.node.desk import INSTANCE, Wire, desk
from tests.node.threads_app import Notes
from tests.steps import Click

from flet_cluster.errors import GraphChanged
from flet_cluster.host.pictures import Pictures
from flet_cluster.host.portable import capture_session
from flet_cluster.node.vault import Meta
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.node.desk import Desk

    from flet_cluster.host.live import LiveSession
    from flet_cluster.host.picture import Captured
    from flet_cluster.node.seat import Seat


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    found = Notes()
    monkeypatch.setattr(threads_app, "NOTES", found)
    monkeypatch.setattr("tests.node.desk.main", threads_app.main)
    yield found
    found.end.set()


def live_of(seat: Seat) -> LiveSession:
    assert seat.live is not None
    return seat.live


def ticks(work: Desk) -> int:
    """How far the clock of the page has come; who looks now and then does not see each step."""
    (shown,) = [text for text in work.wire.client.texts() if text.startswith("Tick: ")]
    return int(shown.removeprefix("Tick: "))


async def test_a_thread_ends_when_its_session_has_left_this_node(notes: Notes) -> None:
    async with desk() as work:
        work.do(Click("tick"))
        await work.until(lambda: ticks(work) >= 3)
        work.seat.lose(CloseCode.MOVED, "it is elsewhere now")
        await work.until(lambda: notes.errors)
        (error,) = notes.errors
        assert isinstance(error, RuntimeError)
        assert "destroyed session" in str(error), "Flet's own words"


async def test_what_is_cut_short_by_a_move_is_no_error_of_the_app(
    notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with desk() as work:
        work.do(Click("linger"))
        await work.until(lambda: notes.started)
        work.seat.lose(CloseCode.MOVED, "it is elsewhere now")
        notes.end.set()
        await work.until(lambda: "it was cut short" in caplog.text)
    said = [record for record in caplog.records if record.name in {"flet", "flet_cluster.host"}]
    assert not [record for record in said if record.levelno > logging.WARNING or record.exc_info]
    assert "Unhandled error in 'on_click' handler: it was cut short" in caplog.text


async def test_a_thread_that_never_ends_keeps_nothing_of_the_host(notes: Notes) -> None:
    async with desk() as work:
        work.do(Click("swallow"))
        await work.until(lambda: notes.started)
        live = weakref.ref(live_of(work.seat))
        work.seat.lose(CloseCode.MOVED, "it is elsewhere now")

        def collected() -> bool:
            gc.collect()
            return live() is None

        await work.until(collected)


async def test_endless_threads_of_many_users_keep_nobody_from_having_one(notes: Notes) -> None:
    async with desk() as work:
        for number in range(50):
            seat = work.node.new_seat("", f"{INSTANCE}-{number}")
            wire = Wire()
            seat.attach(wire, seat.instance)
            other = type(work)(work.node, work.store, seat, wire)
            other.give(wire.client.register())
            await other.until(lambda other=other: other.shows("Count: 0"))  # type: ignore[misc]
            other.do(Click("swallow"))
            await other.settle()
        await work.until(lambda: notes.started == 50)


async def test_one_user_does_not_take_all_threads(notes: Notes) -> None:
    async with desk() as work:
        for _ in range(50):
            work.do(Click("swallow"))
        await work.settle()
        await work.until(lambda: notes.started == 40)
        assert live_of(work.seat).background.threads == 40
        notes.end.set()
        await work.until(lambda: notes.started == 50)


async def test_what_a_thread_shows_is_covered_by_a_picture_of_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk() as work:
        live, moments = live_of(work.seat), list[bool]()
        take = live.pictures.take

        def look() -> Captured:
            steps, _ = live.page.data
            captured = take()
            if captured.packets:
                moments.append(steps["halfway"])
            return captured

        monkeypatch.setattr(Pictures, "take", lambda _: look())
        work.do(Click("work"))
        await work.until(lambda: work.shows("Tick: 40"))
        assert moments
        assert not any(moments)


async def test_a_thread_that_changes_what_is_written_costs_no_image(notes: Notes) -> None:
    async with desk() as work:
        work.do(Click("churn"))
        await work.until(lambda: notes.started)
        for _ in range(10):
            work.do(Click("plus"))
            await work.settle()
        notes.end.set()
        assert work.shows("Count: 10")
        empty = [
            commit.n for commit in work.store.attempts if not work.node.vault.graph(work.seat.id, commit)
        ]
        assert not empty


async def test_a_picture_that_must_wait_releases_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as work:
        failing = True

        def capture(*args: Any) -> bytes:
            if failing:
                raise GraphChanged("dictionary changed size during iteration")
            return capture_session(*args)

        monkeypatch.setattr("flet_cluster.host.pictures.capture_session", capture)
        tried, frames = len(work.store.attempts), list(work.wire.frames)
        work.do(Click("plus"))
        await work.until(lambda: work.seat.committer._retry is not None)
        await asyncio.sleep(0.05)
        assert (len(work.store.attempts), work.wire.frames) == (tried, frames)
        failing = False
        await work.settle()
        assert work.shows("Count: 1")


async def test_a_session_leaves_although_its_thread_never_ends(notes: Notes) -> None:
    async with desk() as work:
        work.do(Click("tick"))
        await work.until(lambda: ticks(work) >= 3)
        assert not work.seat.at_rest
        work.seat.detach(work.wire, for_good=False)
        assert await work.node.departures.give_up(work.seat)
        await work.until(lambda: notes.errors)
        assert await _threads_in_record(work) == 1, "the next node starts it again"


async def _threads_in_record(work: Desk) -> int:
    record = await work.store.peek(work.seat.id)
    assert record is not None
    assert record.owner != work.node.id
    return Meta.load(record.commit.meta).background
