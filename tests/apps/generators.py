"""Handlers that are generators: each ``yield`` shows an intermediate state."""

import asyncio

import flet as ft


def main(page: ft.Page):
    status = ft.Text("idle")
    bar = ft.ProgressBar(value=0)
    history = []
    runs = 0

    def download(e):
        nonlocal runs
        runs += 1
        e.control.disabled = True
        for part in range(1, 4):
            bar.value = part / 4
            status.value = f"run {runs}: part {part}"
            yield
        bar.value = 1
        history.append(runs)
        e.control.disabled = False
        status.value = f"done: {history}"

    async def scan(e):
        for name in ("disk", "network"):
            status.value = f"scanning {name}"
            yield
            await asyncio.sleep(0)
        status.value = "scanned"

    def countdown():
        for n in (2, 1):
            page.title = f"T-{n}"
            yield
        page.title = "lift off"
        status.value = page.title

    page.add(
        status,
        bar,
        ft.Button("Download", on_click=download),
        ft.Button("Scan", on_click=scan),
        ft.Button("Countdown", on_click=countdown),
    )


ft.run(main)
