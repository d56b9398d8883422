"""The app of the tests of background work: what ticks writes down when, in the file ``BEATS`` names."""

import asyncio
import json
import os
import threading
import time
from pathlib import Path

import flet as ft
from tests.cluster.probe import mark

PAUSE = 0.02


def beat(page: ft.Page, name: str) -> None:
    """Note one step. One write of one short line: lines of several processes do not mix."""
    line = json.dumps({"name": name, "pid": os.getpid(), "route": page.route, "at": time.monotonic()})
    with Path(os.environ["BEATS"]).open("ab", buffering=0) as beats:
        beats.write(line.encode() + b"\n")


async def ticking(page: ft.Page, name: str) -> None:
    """Tick for ever."""
    mark(page, f"{name} starts")
    while True:
        beat(page, name)
        await asyncio.sleep(PAUSE)


@ft.control
class Clock(ft.Text):
    """Starts its ticking as Flet's documentation does."""

    def did_mount(self) -> None:
        self.page.run_task(ticking, self.page, "clock")


@ft.control
class Pulse(ft.Text):
    """Starts its ticking by itself, and ends it."""

    def did_mount(self) -> None:
        self.ticking = asyncio.create_task(self.tick("pulse"), name="pulse")

    def will_unmount(self) -> None:
        self.ticking.cancel()

    async def tick(self, name: str) -> None:
        """Tick in parts: a task of its own, and another within."""
        await asyncio.gather(ticking(self.page, name), ticking(self.page, f"{name}-part"))


@ft.component
def Effect() -> ft.Control:  # noqa: N802 - a component
    page = ft.context.page

    async def setup() -> None:
        await ticking(page, "effect")

    ft.use_effect(setup, [])
    return ft.Text("effect")


def main(page: ft.Page) -> None:  # noqa: C901 - one main with many handlers, as users write them
    label = ft.Text("Count: 0")
    count = 0

    def plus() -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    async def short() -> None:
        mark(page, "short starts")
        await asyncio.sleep(1)
        plus()
        mark(page, "short ends")

    async def endless() -> None:
        mark(page, "endless starts")
        await asyncio.Event().wait()

    def thread() -> None:
        mark(page, "thread starts")
        while True:
            beat(page, "thread")
            time.sleep(PAUSE)
            page.update()

    def short_thread() -> None:
        mark(page, "short starts")
        time.sleep(1)
        plus()
        mark(page, "short ends")

    def endless_thread() -> None:
        mark(page, "endless starts")
        threading.Event().wait()

    def own_thread(what: str) -> None:
        target = {"short": short_thread, "endless": endless_thread}[what]
        threading.Thread(target=target, name=what, daemon=True).start()

    async def bare(what: str) -> None:
        asyncio.create_task({"short": short, "endless": endless}[what](), name=what)  # noqa: RUF006

    async def short_bare(_: object) -> None:
        await bare("short")

    async def endless_bare(_: object) -> None:
        await bare("endless")

    async def outliving() -> None:
        await bare("endless")

    place = ft.Column()

    def mount(_: object) -> None:
        place.controls = [Clock("clock"), Pulse("pulse")]

    async def amount(_: object) -> None:
        place.controls = [Clock("clock"), Pulse("pulse")]

    def unmount(_: object) -> None:
        place.controls = []

    page.add(
        label,
        place,
        ft.Button("plus", on_click=lambda _: plus()),
        ft.Button("mount", on_click=mount),
        ft.Button("amount", on_click=amount),
        ft.Button("unmount", on_click=unmount),
        ft.Button("short", on_click=short_bare),
        ft.Button("endless", on_click=endless_bare),
        ft.Button("short thread", on_click=lambda _: own_thread("short")),
        ft.Button("endless thread", on_click=lambda _: own_thread("endless")),
        ft.Button("outliving", on_click=lambda _: page.run_task(outliving) and None),
        ft.Button("task", on_click=lambda _: page.run_task(ticking, page, "task") and None),
        ft.Button("thread", on_click=lambda _: page.run_thread(thread)),
        ft.Button("effect", on_click=lambda _: page.render(Effect)),
    )


if __name__ == "__main__":
    ft.run(main)
