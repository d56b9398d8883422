"""One handler of each kind. Each notes where it runs; each can be made to block until the test lets it go.

``NOTES`` names a file for one JSON line per call. While the file ``GATE/<route>/<kind>`` exists, the handler
of that kind blocks.
"""

import asyncio
import copy
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flet as ft

NOTES = Path(os.environ["NOTES"])
GATE = Path(os.environ["GATE"])

database = sqlite3.connect(":memory:")
database.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY)")


def note(page: ft.Page, kind: str, what: str = "") -> None:
    """Tell the test. One write of one short line: lines do not mix."""
    route = (page.route or "/").strip("/") or "root"
    line = json.dumps({"kind": kind, "what": what, "thread": threading.current_thread().name, "route": route})
    with NOTES.open("ab", buffering=0) as notes:
        notes.write(line.encode() + b"\n")


def here(page: ft.Page, kind: str) -> None:
    """Note where a handler runs, and block if that is wanted."""
    note(page, kind, "begin")
    gate = gate_of(page, kind)
    while gate.exists():
        time.sleep(0.005)
    note(page, kind, "end")


def gate_of(page: ft.Page, kind: str) -> Path:
    """The file that holds a handler."""
    return GATE / ((page.route or "/").strip("/") or "root") / kind


def hold_the_loop(gate: Path) -> None:
    """Block far from the app's own code: forty calls deep in a library."""
    opened: queue.Queue[int] = queue.Queue()

    def watch() -> None:
        while gate.exists():
            time.sleep(0.01)
        opened.put(0)

    threading.Thread(target=watch).start()
    nested: Any = SimpleNamespace(__deepcopy__=opened.get)
    for _ in range(20):
        nested = [nested]
    copy.deepcopy(nested)


def before_main(page: ft.Page) -> None:
    here(page, "before_main")


def connect_events(page: ft.Page) -> None:
    """Handlers of what happens to the page itself."""

    def on(kind: str) -> Any:
        return lambda _: here(page, kind)

    page.on_connect, page.on_disconnect, page.on_close = on("connect"), on("disconnect"), on("close")
    page.on_route_change, page.on_resize = on("route_change"), on("resize")


@ft.component
def Declarative(page: ft.Page) -> ft.Control:  # noqa: N802 - components are named like classes
    clicks, set_clicks = ft.use_state(0)

    def effect() -> None:
        here(page, "effect")

    async def async_effect() -> None:
        note(page, "async effect")

    if clicks:
        here(page, "component")
    ft.use_effect(effect, [clicks], cleanup=lambda: here(page, "cleanup"))
    ft.use_effect(async_effect, [clicks])
    return ft.Button("render", on_click=lambda: set_clicks(clicks + 1), data=clicks)


def main(page: ft.Page) -> None:  # noqa: C901 - one main with many handlers, as users write them
    here(page, "main")
    count = ft.Text("0", key="count")
    shown = ft.Text("", key="shown")

    def plus(_: Any) -> None:
        count.value = str(int(count.value) + 1)
        note(page, "plus", count.value)

    def sync(_: Any) -> None:
        here(page, "sync")

    def generator(_: Any) -> Iterator[None]:
        here(page, "generator")
        yield
        here(page, "generator")

    async def coroutine(_: Any) -> None:
        note(page, "coroutine", "begin")
        await asyncio.sleep(0.02)
        note(page, "coroutine", "end")

    async def async_generator(_: Any) -> AsyncIterator[None]:
        note(page, "async generator")
        yield

    async def block(_: Any) -> None:
        note(page, "block", "begin")
        hold_the_loop(gate_of(page, "block"))
        note(page, "block", "end")

    def query(_: Any) -> None:
        database.execute("INSERT INTO visits DEFAULT VALUES")
        shown.value = "inserted"

    def heard(message: str) -> None:
        here(page, "pubsub")

    async def heard_async(message: str) -> None:
        note(page, "async pubsub")

    def say(_: Any) -> None:
        page.pubsub.subscribe(heard)
        page.pubsub.subscribe(heard_async)
        page.pubsub.send_all("hello")

    async def task() -> None:
        note(page, "run_task")

    def background(_: Any) -> None:
        page.run_task(task)
        page.run_thread(here, page, "run_thread")

    connect_events(page)
    handlers = (plus, sync, generator, coroutine, async_generator, block, query, say, background)
    page.add(count, shown, *(ft.Button(handler.__name__, on_click=handler) for handler in handlers))


def main_of_components(page: ft.Page) -> None:
    connect_events(page)
    page.render(Declarative, page)


def start(page: ft.Page) -> None:
    (main_of_components if page.route.startswith("/components") else main)(page)


if __name__ == "__main__":
    ft.run(start, before_main=before_main)
