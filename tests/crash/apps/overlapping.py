"""Two async handlers that overlap, a sync one in its lane, and a ``main`` that never ends.

All write what they do into one journal, which only grows. ``point`` marks each await and each update.
"""

import asyncio
import time

import flet as ft
from tests.crash.nodes import point

Event = ft.Event[ft.Button]


async def main(page: ft.Page) -> None:  # noqa: C901 - one long main, as people write them
    journal: list[str] = []
    shown = ft.Text("", key="journal")
    beat = ft.Text("0", key="beat")

    def note(e: Event, part: str) -> None:
        journal.append(f"{e.data}.{part}")
        shown.value = " ".join(journal)

    def show() -> None:
        point("before-update")
        shown.update()
        point("after-update")

    async def wait(seconds: float) -> None:
        point("before-await")
        await asyncio.sleep(seconds)
        point("after-await")

    async def wander(e: Event) -> None:
        for part in ("1", "2", "3"):
            note(e, part)
            show()
            await wait(0.012)
        note(e, "done")

    async def stroll(e: Event) -> None:
        note(e, "1")
        await wait(0.004)
        note(e, "2")
        show()
        await wait(0)
        note(e, "3")
        await wait(0.02)
        show()
        note(e, "done")

    def march(e: Event) -> None:
        for part in ("1", "2", "3"):
            note(e, part)
            point("lane-before-update")
            shown.update()
            point("lane-after-update")
            time.sleep(0.006)
        note(e, "done")

    def ask(e: Event) -> None:
        note(e, "asked")

    page.add(
        shown,
        beat,
        ft.Button("wander", on_click=wander),
        ft.Button("stroll", on_click=stroll),
        ft.Button("march", on_click=march),
        ft.Button("ask", on_click=ask),
    )
    for number in (1, 2, 3):
        beat.value = str(number)
        point("main-before-update")
        beat.update()
        point("main-after-update")
        await asyncio.sleep(0.015)
        point("main-after-await")
    await asyncio.Event().wait()


ft.run(main)
