"""A counter, a handler that blocks the event loop, and one that keeps its session busy."""

import logging
import os
import secrets
import threading
import time

import flet as ft

SECONDS = float(os.environ.get("TEST_BLOCK_SECONDS", "2"))
log = logging.getLogger("shop")


def main(page: ft.Page) -> None:
    count = 0
    tag = secrets.token_hex(4)
    text = ft.Text("Count: 0")

    def plus(e: ft.Event[ft.Button]) -> None:
        nonlocal count
        count += 1
        text.value = f"Count: {count}"
        log.warning("sync %s", tag)
        helper = threading.Thread(target=lambda: log.warning("thread %s", tag))
        helper.start()
        helper.join()

    async def block(e: ft.Event[ft.Button]) -> None:
        log.warning("async %s", tag)
        time.sleep(SECONDS)  # noqa: ASYNC251  that is the point

    def hold(e: ft.Event[ft.Button]) -> None:
        time.sleep(1.0)
        text.value = "held"

    def fail(e: ft.Event[ft.Button]) -> None:
        try:
            int("two\nlines")
        except ValueError:
            log.exception("failed %s", tag)

    page.add(
        text,
        ft.Text(f"tag {tag}"),
        ft.Button("plus", on_click=plus),
        ft.Button("block", on_click=block),
        ft.Button("hold", on_click=hold),
        ft.Button("fail", on_click=fail),
    )


if __name__ == "__main__":
    ft.run(main)
