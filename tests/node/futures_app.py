"""An app that keeps what ``page.run_task`` returns, for tests within one process."""

import asyncio
import threading
from typing import Any

import flet as ft


class Refused(Exception):
    """An error of the app."""


class Busy(Exception):
    """An error that holds what cannot travel, as those of libraries do."""

    def __init__(self) -> None:
        super().__init__("too much")
        self.lock = threading.Lock()
        self.lock.acquire()


def main(page: ft.Page) -> None:  # noqa: C901 - one main with many handlers, as users write them
    futures: dict[str, Any] = {}
    called: list[str] = []
    page.data = (futures, called)
    label = ft.Text("Count: 0")

    async def forever() -> None:
        await asyncio.Event().wait()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(60)

    async def fail(error: type[Exception]) -> None:
        raise error

    async def give_up() -> None:
        raise asyncio.CancelledError

    async def give() -> str:
        return "result"

    async def wait(name: str) -> None:
        called.append(f"waited for {await asyncio.wrap_future(futures[name])}")

    def start(_: Any) -> None:
        futures["cancelled"] = page.run_task(forever)
        futures["stubborn"] = page.run_task(stubborn)
        futures["given up"] = page.run_task(give_up)
        futures["refused"] = page.run_task(fail, Refused)
        futures["busy"] = page.run_task(fail, Busy)
        futures["given"] = page.run_task(give)
        label.value = "Count: 1"

    def cancel(_: Any) -> None:
        for name in ("cancelled", "stubborn"):
            futures[name].cancel()
        label.value = "Count: 2"

    def ask(_: Any) -> None:
        async def later() -> str:
            await asyncio.sleep(0.2)
            return "late"

        futures["late"] = page.run_task(later)
        futures["late"].add_done_callback(lambda future: called.append(f"called with {future.result()}"))
        page.run_task(wait, "late")
        label.value = "Count: 3"

    page.add(
        label,
        ft.Button("start", on_click=start),
        ft.Button("cancel", on_click=cancel),
        ft.Button("ask", on_click=ask),
    )


if __name__ == "__main__":
    ft.run(main)
