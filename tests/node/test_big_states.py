"""Sessions with much state: others go on meanwhile, and what is too much keeps to its node."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import flet as ft
import pytest
from tests.node.desk import Desk, desk
from tests.steps import Click

from flet_cluster.host import camera
from flet_cluster.node import committer
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def main(page: ft.Page) -> None:
    label = ft.Text("Count: 0")
    held: list[bytes] = []

    def more(_: Any) -> None:
        held.append(os.urandom(2_000_000))
        label.value = f"Count: {len(held)}"

    def less(_: Any) -> None:
        held.clear()
        label.value = "Count: none"

    page.add(label, ft.Button("more", on_click=more), ft.Button("less", on_click=less))


@pytest.fixture
async def work(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr("tests.node.desk.main", main)
    async with desk() as work:
        yield work


async def test_a_state_that_is_too_big_keeps_the_session_and_its_output_goes_on(
    work: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        camera, "SLOW", math.inf
    )  # on a busy machine the failure is remembered, and not told anew
    assert work.seat.live is not None
    work.seat.live.pictures.camera._most = 3_000_000
    for number in (1, 2, 3):
        work.do(Click("more"))
        await work.until(functools.partial(work.shows, f"Count: {number}"))
        await work.settle()
        assert work.seat.portable is (number == 1)
    said = [r.message for r in caplog.records if "will not survive this node" in r.message]
    assert len(said) == 2, "once for each size"
    assert "its state has 4 MB, and at most 3 MB can be stored; keep what is big in a file" in said[0]
    work.do(Click("less"))
    await work.until(lambda: work.seat.portable)
    assert work.wire.code is None


async def test_whatever_keeps_a_commit_from_being_built_is_told(
    work: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: Any, **_facts: Any) -> None:
        raise LookupError("nobody thought of it")

    monkeypatch.setattr(work.node.vault, "commit", broken)
    work.do(Click("less"))
    await work.until(lambda: work.wire.code)
    assert (work.wire.code, work.seat.lost) == (CloseCode.LOST, True)
    assert "its state cannot be sealed (LookupError: nobody thought of it)" in caplog.text
    assert not work.shows("Count: none")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_big_state_is_sealed_in_a_thread_and_named_once(
    work: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, fails: bool
) -> None:
    commit, sealing, go_on = work.node.vault.commit, threading.Event(), threading.Event()

    def slow(*args: Any, **facts: Any) -> Any:
        if len(facts["graph"]) > committer.BIG:
            assert threading.current_thread() is not threading.main_thread()
            sealing.set()
            go_on.wait(10)
            if fails:
                raise MemoryError
        return commit(*args, **facts)

    monkeypatch.setattr(work.node.vault, "commit", slow)
    before = list(work.wire.frames)
    work.do(Click("more"))
    await work.until(sealing.is_set)
    work.do(Click("more"), Click("more"))  # taken meanwhile, and in the next commit
    await asyncio.sleep(0.05)
    assert (work.wire.frames, work.seat.committer.idle) == (before, False), "nothing before its commit (I1)"
    go_on.set()
    if fails:
        await work.until(lambda: work.wire.code)
        assert work.wire.code is CloseCode.LOST
        return
    await work.settle()
    assert work.shows("Count: 3")
    assert work.wire.frames == list(range(1, len(work.wire.frames) + 1)), "in order, each once"
    said = [r.message for r in caplog.records if "its state has" in r.message]
    assert len(said) == 1
    assert "its state has 6.0 MB, and everybody on this node waits while that is written" in said[0]


async def test_an_app_that_has_all_threads_of_the_loop_holds_up_no_commit(work: Desk) -> None:
    loop, go_on = asyncio.get_running_loop(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        loop.set_default_executor(pool)
        pool.submit(go_on.wait)
        work.do(Click("more"))
        await work.settle()
        assert work.shows("Count: 1")
        go_on.set()


async def test_a_seat_that_is_lost_while_its_state_is_sealed_writes_nothing(
    work: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, sealing, go_on = work.node.vault.commit, threading.Event(), threading.Event()

    def slow(*args: Any, **facts: Any) -> Any:
        sealing.set()
        go_on.wait(10)
        return commit(*args, **facts)

    monkeypatch.setattr(work.node.vault, "commit", slow)
    tried = len(work.store.attempts)
    work.do(Click("more"))
    await work.until(sealing.is_set)
    work.seat.lose(CloseCode.MOVED, "a test")
    go_on.set()
    await work.until(lambda: work.seat.committer.running is None)
    assert len(work.store.attempts) == tried
