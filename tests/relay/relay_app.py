"""The app of the relay tests: what keeps a session where it is, one button each."""

import asyncio
import os
import socket
import threading
import time
from typing import Any

import flet as ft
from tests.cluster.probe import mark

STEPS = int(os.environ.get("STEPS", "20"))
STEP = float(os.environ.get("STEP", "0.2"))


def main(page: ft.Page) -> None:
    count = 0
    label = ft.Text("Count: 0")
    progress = ft.Text("Step: 0")
    picked = ft.Text("Picked: ")
    threaded = ft.Text("Thread: 0")
    name = ft.TextField(label="name")
    echoed = ft.Text("", key="echoed")
    held: list[Any] = []

    def echo(_: Any) -> None:
        echoed.value = name.value

    def plus(_: Any) -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"
        mark(page, f"plus {count}")

    async def work(_: Any) -> None:
        mark(page, "work-start")
        for step in range(1, STEPS + 1):
            await asyncio.sleep(STEP)
            progress.value = f"Step: {step}"
            page.update()
        mark(page, "work-end")

    async def pick(_: Any) -> None:
        mark(page, "pick-start")
        files = await ft.FilePicker().pick_files()
        picked.value = f"Picked: {files[0].name if files else 'nothing'}"
        page.update()
        mark(page, "pick-end")

    def thread() -> None:
        mark(page, "thread-start")
        for step in range(1, STEPS + 1):
            time.sleep(STEP)
            threaded.value = f"Thread: {step}"
        threaded.update()
        mark(page, "thread-end")

    def free(_: Any) -> None:
        for item in held:
            item.close()
        held.clear()

    page.add(
        label,
        progress,
        picked,
        threaded,
        name,
        echoed,
        ft.Button("echo", on_click=echo),
        ft.Button("plus", on_click=plus),
        ft.Button("work", on_click=work),
        ft.Button("pick", on_click=pick),
        ft.Button("pick later", on_click=lambda _: page.run_task(pick, None) and None),
        ft.Button("thread", on_click=lambda _: page.run_thread(thread)),
        ft.Button("own", on_click=lambda _: threading.Thread(target=thread, daemon=True).start()),
        ft.Button("hold", on_click=lambda _: held.append(socket.socket())),
        ft.Button("free", on_click=free),
    )
    mark(page, "main")


if __name__ == "__main__":
    ft.run(main)
