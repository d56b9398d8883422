"""A clock as Flet's users write it: a thread that never ends."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import flet as ft


def mark(page: ft.Page, what: str) -> None:
    """Tell the test. One write of one short line: lines of several processes do not mix."""
    line = json.dumps({"what": what, "pid": os.getpid(), "route": page.route})
    with Path(os.environ["MARKS"]).open("ab", buffering=0) as marks:
        marks.write(line.encode() + b"\n")


def main(page: ft.Page) -> None:
    clock = ft.Text("Tick: 0")
    page.add(clock)

    def tick() -> None:
        mark(page, "start")
        number = 0
        try:
            while True:
                time.sleep(0.1)
                number += 1
                clock.value = f"Tick: {number}"
                page.update()
        finally:
            mark(page, "end")

    page.run_thread(tick)


if __name__ == "__main__":
    ft.run(main)
