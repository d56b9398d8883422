"""A page that is loaded anew while its session has inputs of the old page to do (I3)."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import flet as ft
from tests.node.desk import Wire, desk
from tests.steps import Click

from flet_cluster.host.dispatch import Dispatch

if TYPE_CHECKING:
    import pytest

    from flet_cluster.host.inputs import Input, Started

go_on = threading.Event()


def main(page: ft.Page) -> None:
    count = 0
    label = ft.Text("Count: 0")

    def wait(_: Any) -> None:
        go_on.wait(10)

    def plus(_: Any) -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    page.add(label, ft.Button("wait", on_click=wait), ft.Button("plus", on_click=plus))


async def test_what_the_old_page_sent_does_not_count_as_input_of_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.node.desk.main", main)
    go_on.clear()
    async with desk() as work:
        seat = work.seat
        work.do(Click("wait"), *[Click("plus")] * 5)
        await asyncio.sleep(0.05)
        fresh = Wire()
        seat.attach(fresh, "instance-2")
        seat.restart_link("instance-2")
        work.wire, work.sent = fresh, 0
        work.give(fresh.client.register())
        go_on.set()
        await work.until(lambda: work.shows("Count: 5"))
        for _ in range(8):
            await work.settle()
            assert seat.showing.durable[0] == work.sent
            work.do(Click("plus"))
        await work.settle()
        record = await work.store.peek(seat.id)
        assert record is not None
        assert record.commit.rx == work.sent, "or a node that takes over drops what the new page sends next"


async def test_keys_of_the_old_page_and_the_new_one_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.node.desk.main", main)
    go_on.clear()
    async with desk() as work:
        keys: list[str] = []
        begun = Dispatch._begun

        def noted(self: Dispatch, item: Input, started: Started) -> None:
            keys.append(started.key)
            begun(self, item, started)

        monkeypatch.setattr(Dispatch, "_begun", noted)
        work.do(Click("wait"), Click("plus"))
        await asyncio.sleep(0.05)
        fresh = Wire()
        work.seat.attach(fresh, "instance-2")
        work.seat.restart_link("instance-2")
        work.wire, work.sent = fresh, 0
        work.give(fresh.client.register())
        go_on.set()
        await work.until(lambda: work.shows("Count: 1"))
        for _ in range(8):
            work.do(Click("plus"))
        await work.until(lambda: work.shows("Count: 9"))
        numbered = [key for key in keys if not key.endswith(":0")]
        assert len(numbered) == len(set(numbered)), numbered
