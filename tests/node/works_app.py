"""An app that sets work going by itself: what ends changes the state and shows nothing."""

from __future__ import annotations

import asyncio
import logging.handlers
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flet as ft

END = threading.Event()
POOL = ThreadPoolExecutor(1)
TASKS: list[asyncio.Task[bool]] = []
LISTENERS: list[logging.handlers.QueueListener] = []
SHORT = 0.2
"""Seconds of a timer."""


def main(page: ft.Page) -> None:  # noqa: C901, PLR0915 - one main with many handlers, as users write them
    label, done = ft.Text("Count: 0"), list[str]()
    held: list[Any] = []

    def wait() -> None:
        END.wait()
        done.append("wait")

    def end(_: Any) -> None:
        """The last line of what was set going."""
        label.value = f"Done: {sorted(done)}"

    def thread(_: Any) -> None:
        held.append(threading.Thread(target=wait, daemon=True))
        held[-1].start()

    def timer(_: Any) -> None:
        held.append(threading.Timer(SHORT, lambda: done.append("timer")))
        held[-1].start()

    def later(_: Any) -> None:
        held.append(page.session.connection.loop.call_later(SHORT, done.append, "later"))

    async def at(_: Any) -> None:
        loop = asyncio.get_running_loop()
        held.append(loop.call_at(loop.time() + SHORT, lambda: done.append("at")))

    def job(_: Any) -> None:
        asyncio.get_running_loop().run_in_executor(None, wait)

    def pooled(_: Any) -> None:
        POOL.submit(wait)

    def chain(_: Any) -> None:
        def link() -> None:
            done.append("link")
            if len(done) < 4:
                threading.Timer(0.05, link).start()

        threading.Timer(0.05, link).start()

    def cancelled(_: Any) -> None:
        asyncio.get_running_loop().call_later(3600, END.set).cancel()
        slow = threading.Timer(3600, wait)
        slow.start()
        slow.cancel()

    async def foreign(_: Any) -> None:
        """A library's thread, which does not end."""
        listener = logging.handlers.QueueListener(queue.SimpleQueue())
        listener.start()
        LISTENERS.append(listener)

    def recorded(_: Any) -> None:
        async def endless() -> None:
            await asyncio.get_running_loop().create_future()

        page.run_task(endless)

    def background(_: Any) -> None:
        async def until_end() -> None:
            await asyncio.to_thread(END.wait)
            done.append("background")

        page.run_task(until_end)

    async def share(_: Any) -> None:
        TASKS.append(asyncio.create_task(asyncio.to_thread(END.wait)))

    async def hold(_: Any) -> None:
        await asyncio.sleep(SHORT)
        held.append(threading.local())

    def free(_: Any) -> None:
        held.clear()

    def exits(_: Any) -> None:
        asyncio.get_running_loop().call_later(0, exit)

    handlers = (
        thread,
        timer,
        later,
        at,
        job,
        pooled,
        chain,
        cancelled,
        foreign,
        recorded,
        background,
        share,
        hold,
        free,
        exits,
        end,
    )
    page.add(label, *(ft.Button(handler.__name__, on_click=handler) for handler in handlers))
