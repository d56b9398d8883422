"""The app of the tests of sleep: what apps keep outside of their sessions, and what may go on in a quiet one.

``MARKS`` names a file: each line says that a page's objects were made, in which process.
"""

import os
import threading
import time
from typing import Any

import flet as ft

WORK = float(os.environ.get("WORK", "2"))
pages: list[ft.Page] = []
labels: list[ft.Text] = []


def main(page: ft.Page) -> None:
    count = 0
    found: list[str] = []
    label = ft.Text("Count: 0")
    heard = ft.Text("Heard: ")
    news = ft.Text("News: ")
    name = ft.TextField(label="name")

    def plus(_: Any) -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    def work(_: Any) -> None:
        def later() -> None:
            time.sleep(WORK)
            found.append("it")

        threading.Thread(target=later, daemon=True).start()

    def show(_: Any) -> None:
        heard.value = f"Heard: {name.value} {found}"

    def join(_: Any) -> None:
        pages.append(page)
        labels.append(news)

    def tell(_: Any) -> None:
        for other, text in zip(pages, labels, strict=True):
            text.value = f"News: {page.route}"
            other.update()

    async def forever() -> None:
        while True:
            await ft.context.page.session.connection.loop.create_future()

    page.add(
        label,
        heard,
        news,
        name,
        ft.Button("plus", on_click=plus),
        ft.Button("work", on_click=work),
        ft.Button("show", on_click=show),
        ft.Button("join", on_click=join),
        ft.Button("tell", on_click=tell),
        ft.Button("forever", on_click=lambda _: page.run_task(forever) and None),
        ft.Button("listen", on_click=lambda _: page.pubsub.subscribe(lambda _: None)),
    )


if __name__ == "__main__":
    ft.run(main)
