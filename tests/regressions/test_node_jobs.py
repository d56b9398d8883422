"""A node's own jobs outlive surprises, and lose nothing on the way (I1, I6)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import flet as ft
import pytest
from tests.node.desk import desk
from tests.steps import Click

from flet_cluster.errors import StoreError
from flet_cluster.host.pubsub import Publication
from flet_cluster.node import committer
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from flet_cluster.model import Commit


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

        async def touch(session_ids: list[str], _timeout: float) -> list[str]:
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


async def test_what_on_close_publishes_is_not_lost_when_the_store_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.node.desk.main", main)
    async with desk() as work:
        published: list[Publication] = []
        monkeypatch.setattr(work.node.publications, "publish", published.extend)
        passing = work.store._pass

        async def slowly(commit: Commit) -> None:
            await asyncio.sleep(0.2)
            await passing(commit)

        monkeypatch.setattr(work.store, "_pass", slowly)
        work.seat.detach(work.wire, for_good=False)
        await work.node._upkeep._run_close(work.seat)
        assert published == [Publication("gone")]
        assert work.seat.lost
