"""A counter, a handler that blocks the event loop, and one that keeps its session busy."""

import logging
import os
import threading
import time

import flet as ft

SECONDS = float(os.environ.get("TEST_BLOCK_SECONDS", "2"))
log = logging.getLogger("shop")


def main(page: ft.Page) -> None:
    count = 0
    text = ft.Text("Count: 0")

    def plus(e: ft.Event[ft.Button]) -> None:
        nonlocal count
        count += 1
        text.value = f"Count: {count}"
        log.warning("sync %s", page.route)
        helper = threading.Thread(target=lambda: log.warning("thread %s", page.route))
        helper.start()
        helper.join()

    async def block(e: ft.Event[ft.Button]) -> None:
        log.warning("async %s", page.route)
        time.sleep(SECONDS)  # noqa: ASYNC251  that is the point

    def hold(e: ft.Event[ft.Button]) -> None:
        time.sleep(SECONDS)

    def fail(e: ft.Event[ft.Button]) -> None:
        try:
            int("two\nlines")
        except ValueError:
            log.exception("failed %s", page.route)

    page.add(
        text,
        ft.Button("plus", on_click=plus),
        ft.Button("block", on_click=block),
        ft.Button("hold", on_click=hold),
        ft.Button("fail", on_click=fail),
    )


if __name__ == "__main__":
    ft.run(main)
