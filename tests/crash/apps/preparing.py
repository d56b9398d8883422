"""A ``before_main`` that takes its time and shows something early; ``sync`` and ``async`` by environment."""

import asyncio
import os
import time

import flet as ft
from tests.crash.nodes import point


def begin(page: ft.Page) -> None:
    page.session.store.set("runs", [])
    page.title = "Preparing"
    page.update()
    point("preparing")


def end(page: ft.Page) -> None:
    page.session.store.get("runs").append("prepared")
    page.update()
    point("prepared")


def prepare(page: ft.Page) -> None:
    begin(page)
    time.sleep(0.05)
    end(page)


async def prepare_async(page: ft.Page) -> None:
    begin(page)
    await asyncio.sleep(0.05)
    end(page)


def main(page: ft.Page) -> None:
    runs = page.session.store.get("runs")
    shown = ft.Text(" ".join(runs), key="runs")

    def more(e: ft.Event[ft.Button]) -> None:
        runs.append("more")
        shown.value = " ".join(runs)

    page.add(shown, ft.Button("more", on_click=more))


ft.run(main, before_main=prepare if os.environ["PREPARE"] == "sync" else prepare_async)
