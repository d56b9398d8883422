"""An app that makes, at a click, each kind of trouble that there is an alert for."""

import asyncio
import socket
import time
from typing import Any

import flet as ft

import flet_cluster


def main(page: ft.Page) -> None:
    count = ft.Text("0", key="count")
    state = ft.Text("", key="state")
    held: list[Any] = []

    def add(_: Any) -> None:
        count.value = str(int(count.value) + 1)

    def block(_: Any) -> None:
        time.sleep(6)

    async def freeze(_: Any) -> None:
        for _ in range(8):
            time.sleep(0.9)  # what nobody should do, and the log names
            await asyncio.sleep(0.6)

    async def work(_: Any) -> None:
        state.value = "working"
        page.update()
        await asyncio.sleep(60)

    async def look(_: Any) -> None:
        files = flet_cluster.uploads(page)
        await asyncio.gather(*(files.aread(f"{n}.txt") for n in range(8)), return_exceptions=True)
        state.value = "looked"
        page.update()

    def threads(_: Any) -> None:
        for _ in range(45):
            page.run_thread(time.sleep, 3)

    def hold(_: Any) -> None:
        held.append(socket.socket())

    async def hear(message: str) -> None:
        state.value = message
        state.update()

    page.pubsub.subscribe(hear)
    page.add(
        count,
        state,
        *(
            ft.Button(handler.__name__, on_click=handler)
            for handler in (add, block, freeze, work, look, threads, hold)
        ),
        ft.Button("say", on_click=lambda _: page.pubsub.send_all("said")),
    )


if __name__ == "__main__":
    ft.run(main)
