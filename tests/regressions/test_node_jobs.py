"""A node's own jobs outlive surprises, and lose nothing on the way (I1, I6)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import flet as ft
import pytest
from tests.node.desk import Desk, Wire, desk
from tests.steps import Click

from flet_cluster.errors import StoreError
from flet_cluster.model import NodeInfo, Record
from flet_cluster.node import committer, upkeep
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from flet_cluster.model import Commit
    from flet_cluster.node.seat import Seat


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer, "RETRY_SECONDS", 0.01)


@pytest.mark.parametrize("error", [StoreError("OOM command not allowed"), RuntimeError("a bug")])
async def test_a_store_that_refuses_for_long_is_like_one_that_is_away(error: Exception) -> None:
    async with desk(store_patience=0.1) as work:
        before = list(work.wire.frames)
        work.store.before += [error] * 100
        work.do(Click("plus"))
        await work.until(lambda: work.wire.code)
        assert work.wire.code is CloseCode.STORE_UNAVAILABLE
        assert work.wire.frames == before


async def test_a_surprise_in_a_write_is_no_reason_to_forget_the_output() -> None:
    async with desk() as work:
        work.store.before.append(RuntimeError("a bug"))
        work.do(Click("plus"))
        await work.settle()
        assert work.shows("Count: 1")


async def test_upkeep_goes_on_after_a_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as work:
        touched: list[list[str]] = []

        async def touch(session_ids: list[str], _timeout: float, _notes: object) -> list[str]:
            touched.append(session_ids)
            raise ValueError("a bug")

        async def hurry(_seconds: float) -> None:
            await real_sleep(0.001)

        real_sleep = asyncio.sleep
        monkeypatch.setattr(work.store, "touch", touch)
        monkeypatch.setattr("flet_cluster.node.upkeep.asyncio.sleep", hurry)
        job = work.node.spawn(work.node._upkeep.maintain())
        await work.until(lambda: len(touched) > 1)
        assert not job.done()
        job.cancel()
        assert touched[0] == [work.seat.id]


def main(page: ft.Page) -> None:
    page.add(ft.Text("Count: 0"))

    def closed(_: Any) -> None:
        page.pubsub.send_all("gone")

    page.on_close = closed


CLOSED: list[str] = []
"""Sessions that got their ``on_close``: in the module, so that there is one list, which does not travel."""


def farewell(page: ft.Page) -> None:
    page.add(ft.Text("Count: 0"))
    page.on_close = lambda _: CLOSED.append(page.session.id)


async def test_all_that_expire_together_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    CLOSED.clear()
    monkeypatch.setattr("tests.node.desk.main", farewell)
    counter = Counter[str]()
    async with desk() as work:
        monkeypatch.setattr(work.node.observer, "count", lambda name, **_: counter.update([name]))
        seats = [await opened(work, number) for number in range(3 * upkeep.CLOSED_AT_ONCE)]
        busy = seats[0]  # held by a node that lives, which has not come to it: it must not hide the others
        for seat in seats:
            assert await work.node.departures.give_up(seat)
        timeout = work.node.settings.session_timeout
        assert isinstance(await work.store.acquire(busy.id, "another node", timeout), Record)
        await work.store.heartbeat(NodeInfo("another node"), 1e9)
        await work.store.touch([work.seat.id], 1e6)
        later = time.time() + timeout + 1
        monkeypatch.setattr(work.store, "_clock", lambda: later)
        await work.node._upkeep._expire()
        assert sorted(CLOSED) == sorted(seat.id for seat in seats if seat is not busy)
        assert await work.store.expired(1000) == [busy.id]
        assert counter["expired"] == len(seats) - 1


async def opened(work: Desk, number: int) -> Seat:
    """Open one more session of the desk's node; its user leaves."""
    seat, wire = work.node.new_seat("", f"instance-{number + 2}"), Wire()
    seat.attach(wire, seat.instance)
    other = Desk(work.node, work.store, seat, wire)
    other.give(wire.client.register())
    await other.until(lambda: other.shows("Count: 0"))
    await other.settle()
    seat.detach(wire, for_good=False)
    return seat


async def test_what_on_close_publishes_is_not_lost_when_the_store_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.node.desk.main", main)
    async with desk() as work:
        published = work.note_published()
        passing = work.store._pass

        async def slowly(commit: Commit) -> None:
            await asyncio.sleep(0.2)
            await passing(commit)

        monkeypatch.setattr(work.store, "_pass", slowly)
        work.seat.detach(work.wire, for_good=False)
        await work.node._upkeep._run_close(work.seat)
        assert published == ["gone"]
        assert work.seat.lost
