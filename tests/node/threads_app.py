"""An app whose threads outlive everything, for tests within one process."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import flet as ft


@dataclass
class Notes:
    """What the threads did: one for the process, so that it stays out of the snapshots."""

    started: int = 0
    errors: list[BaseException] = field(default_factory=list)
    end: threading.Event = field(default_factory=threading.Event)


NOTES = Notes()


class Item:
    """Needs a Python callback when it is pickled: a moment at which threads may run."""

    def __init__(self, number: int) -> None:
        self.number = number


def main(page: ft.Page) -> None:  # noqa: C901 - one main with many handlers, as users write them
    label, clock = ft.Text("Count: 0"), ft.Text("Tick: 0")
    count = 0
    steps: dict[str, bool] = {"halfway": False}
    items: dict[int, Item] = {}
    page.data = (steps, items)

    def plus(_: Any) -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    def tick() -> None:
        NOTES.started += 1
        try:
            for number in range(1, 1_000_000):
                clock.value = f"Tick: {number}"
                page.update()
                if NOTES.end.wait(0.001):
                    return
        except BaseException as error:
            NOTES.errors.append(error)
            raise

    def work() -> None:
        for number in range(1, 41):
            steps["halfway"] = True
            time.sleep(0.001)
            steps["halfway"] = False
            clock.value = f"Tick: {number}"
            page.update()
            steps["halfway"] = True

    def churn() -> None:
        number = 10_000
        items.update((number, Item(number)) for number in range(number))
        NOTES.started += 1
        while not NOTES.end.is_set():
            number += 1
            items[number % 12_000] = Item(number)
            items.pop(number * 7 % 12_000, None)
            if number % 2000 == 0:
                time.sleep(0.0005)
                items.update((number, Item(number)) for number in range(10_000))

    def swallow() -> None:
        NOTES.started += 1
        while not NOTES.end.is_set():
            with contextlib.suppress(Exception):
                page.update()
            time.sleep(0.01)

    def linger(_: Any) -> None:
        NOTES.started += 1
        NOTES.end.wait()
        page.update()

    jobs = (tick, work, churn, swallow)
    buttons = [ft.Button(job.__name__, on_click=lambda _, job=job: page.run_thread(job)) for job in jobs]
    page.add(label, clock, ft.Button("plus", on_click=plus), ft.Button("linger", on_click=linger), *buttons)
