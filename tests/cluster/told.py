"""The app of the tests of what flet-cluster tells apps: events, restores, interruptions, resources.

``DIE`` names the places at which a node kills itself: it is set for some nodes only.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator

import flet as ft
from tests.cluster.probe import mark

import flet_cluster

DIE = os.environ.get("DIE", "").split(",")


def die(place: str) -> None:
    """End the node as a power cut would, if it is to end here."""
    if place in DIE:
        os.kill(os.getpid(), signal.SIGKILL)


def told(page: ft.Page, what: str) -> None:
    """Note which event it is: by code that handlers call."""
    event = flet_cluster.current_event()
    assert event is not None
    mark(page, f"{what} {event.key} {event.redelivered} {event.name}")


def main(page: ft.Page) -> None:  # noqa: C901, PLR0915 - one main with many handlers, as users write them
    assert flet_cluster.current_event() is not None
    count = 0
    label = ft.Text("Count: 0")
    journal: list[str] = []
    shown = ft.Text("Journal:")

    def note(what: str) -> None:
        journal.append(what)
        shown.value = f"Journal: {' '.join(journal)}"

    @contextlib.contextmanager
    def opening() -> Iterator[list[int]]:
        mark(page, "open")
        yield [os.getpid()]
        mark(page, "close")

    async def connecting() -> asyncio.Event:
        mark(page, "aopen")
        await asyncio.sleep(0)
        return asyncio.Event()

    async def disconnecting(_: asyncio.Event) -> None:
        await asyncio.sleep(0)
        mark(page, "aclose")

    held = flet_cluster.resource(opening)
    connected = flet_cluster.resource(connecting, close=disconnecting)

    def plus() -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    def pay(_: object) -> None:
        plus()
        told(page, "pay")
        die("pay")

    async def apay(_: object) -> None:
        plus()
        told(page, "pay")
        await asyncio.gather(asyncio.to_thread(told, page, "thread"), nested())
        die("pay")

    async def nested() -> None:
        told(page, "nested")

    async def job() -> None:
        told(page, "job")
        await asyncio.Event().wait()

    def work(_: object) -> None:
        page.run_task(job)

    async def long(_: object) -> None:
        told(page, "long")
        note("begun")
        page.update()
        await asyncio.sleep(3600)

    async def interrupted(what: flet_cluster.Interrupted) -> None:
        told(page, "report")
        die("report")
        note(f"{what.name.rpartition('.')[2]}={what.key}")
        page.update()
        if "report-later" in DIE:
            mark(page, "report-waits")
            await asyncio.sleep(3600)

    def restored(there: ft.Page) -> None:
        assert there is page
        mark(page, "restored")

    def use(_: object) -> None:
        assert held.get() == [os.getpid()]
        plus()

    async def ause(_: object) -> None:
        assert (await connected.aget()) is (await connected.aget())
        assert held.get() is (await held.aget())
        plus()

    flet_cluster.on_restore(page, restored)
    flet_cluster.on_interrupted(page, interrupted)
    told(page, "main")
    die("main")  # before its first update: with it, it is saved that it runs
    page.add(
        label,
        shown,
        ft.Button("pay", on_click=pay),
        ft.Button("apay", on_click=apay),
        ft.Button("work", on_click=work),
        ft.Button("long", on_click=long),
        ft.Button("use", on_click=use),
        ft.Button("ause", on_click=ause),
        ft.Button("leave", on_click=lambda _: mark(page, "click")),
    )
    if "main-later" in DIE:
        time.sleep(1)  # its update is saved meanwhile
        die("main-later")


if __name__ == "__main__":
    ft.run(main)
