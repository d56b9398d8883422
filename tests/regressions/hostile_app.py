"""An app whose handlers do what no handler should do."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import flet as ft


def forever() -> None:
    while True:
        time.sleep(0.05)


class Unwelcome:
    """Travels, but cannot be rebuilt."""

    def __init__(self) -> None:
        self.path = "a file of the other machine"

    def __setstate__(self, _state: Any) -> None:
        raise OSError("there is no such file on this machine")


async def main(page: ft.Page) -> None:  # noqa: C901
    if page.route == "/exit":
        sys.exit("main has had enough")
    if page.route == "/cancel":
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)
    count = 0
    label = ft.Text("Count: 0")

    def plus(_: Any) -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    def thread(_: Any) -> None:
        page.run_thread(forever)

    async def to_thread(_: Any) -> None:
        await asyncio.to_thread(forever)

    async def block(_: Any) -> None:
        forever()

    async def leave() -> None:
        sys.exit("a task has had enough")

    async def bare_exit(_: Any) -> None:
        page.data = asyncio.create_task(leave())

    async def task_exit(_: Any) -> None:
        page.run_task(leave)

    def gated_exit(_: Any) -> None:
        page.data = asyncio.create_task(leave())

    def unwelcome(_: Any) -> None:
        page.data = Unwelcome()

    page.add(
        label,
        *[
            ft.Button(handler.__name__, on_click=handler)
            for handler in (
                plus,
                thread,
                to_thread,
                block,
                bare_exit,
                task_exit,
                gated_exit,
                unwelcome,
            )
        ],
    )


if __name__ == "__main__":
    ft.run(main)
