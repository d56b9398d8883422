"""The app of the cluster tests: one button for each thing that matters to a cluster.

What happens inside of a node (events, background work) is written to the file ``MARKS`` names, one JSON line
each, so that a test sees it from outside, also after the node was killed.
"""

import asyncio
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import flet as ft

NAP = float(os.environ.get("NAP", "0.3"))
BLOCK = float(os.environ.get("BLOCK", "1.0"))
FLOOD_UPDATES = int(os.environ.get("FLOOD_UPDATES", "40"))
FLOOD_BYTES = int(os.environ.get("FLOOD_BYTES", "60000"))


def mark(page: ft.Page, what: str) -> None:
    """Tell the test. One write of one short line: lines of several processes do not mix."""
    line = json.dumps({"what": what, "pid": os.getpid(), "route": page.route})
    with Path(os.environ["MARKS"]).open("ab", buffering=0) as marks:
        marks.write(line.encode() + b"\n")


def main(page: ft.Page) -> None:  # noqa: C901, PLR0915 - one main with many handlers, as users write them
    count = naps = ticks = 0
    label = ft.Text("Count: 0")
    rest = ft.Text("Naps: 0")
    form = ft.Text("Form: ")
    heard = ft.Text("Heard: ")
    big = ft.Text("Big: 0", key="big")
    name = ft.TextField(label="name")
    agreed = ft.Checkbox(label="agreed")
    held: list[Any] = []

    def marker(what: str) -> Any:
        def handler(_: Any) -> None:
            mark(page, what)

        return handler

    page.on_connect = marker("connect")
    page.on_disconnect = marker("disconnect")
    page.on_close = marker("close")

    def plus(_: Any) -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    async def nap(_: Any) -> None:
        nonlocal naps
        mark(page, "nap-start")
        await asyncio.sleep(NAP)
        naps += 1
        rest.value = f"Naps: {naps}"
        mark(page, "nap-end")

    def block(_: Any) -> None:
        mark(page, "block-start")
        time.sleep(BLOCK)
        mark(page, "block-end")

    async def block_loop(_: Any) -> None:
        mark(page, "loop-start")
        time.sleep(BLOCK)  # noqa: ASYNC251 - the mistake under test
        mark(page, "loop-end")

    def show(_: Any) -> None:
        form.value = f"Form: {name.value} {agreed.value}"

    async def tick() -> None:
        nonlocal ticks
        mark(page, "tick-start")
        while True:
            await asyncio.sleep(0.05)
            ticks += 1

    def say(_: Any) -> None:
        page.pubsub.send_all(f"from {page.route}")

    def hear(message: str) -> None:
        heard.value = f"Heard: {message}"
        heard.update()

    def flood(_: Any) -> None:
        for i in range(1, FLOOD_UPDATES + 1):
            big.value = f"Big: {i}".ljust(FLOOD_BYTES, ".")
            big.update()
        big.value = f"Big: {FLOOD_UPDATES} done"

    def listen(_: Any) -> None:
        page.pubsub.subscribe(hear)

    page.add(
        label,
        rest,
        form,
        heard,
        big,
        name,
        agreed,
        ft.Button("plus", on_click=plus),
        ft.Button("nap", on_click=nap),
        ft.Button("block", on_click=block),
        ft.Button("block loop", on_click=block_loop),
        ft.Button("show", on_click=show),
        ft.Button("tick", on_click=lambda _: page.run_task(tick) and None),
        ft.Button("say", on_click=say),
        ft.Button("listen", on_click=listen),
        ft.Button("flood", on_click=flood),
        ft.Button("hold socket", on_click=lambda _: held.append(socket.socket())),
    )
    mark(page, "main")


if __name__ == "__main__":
    ft.run(main)
