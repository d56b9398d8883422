"""Times capture and restore of pages of several sizes: ``python -m tests.snapshot.bench_snapshot``."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from types import ModuleType
from typing import TYPE_CHECKING

import flet as ft
from flet.controls.context import _context_page
from flet.messaging.session import Session
from tests.host.stage import RecordingConnection, register
from tests.virtual_loop import VirtualLoop

from flet_cluster.host.portable import capture_session, flet_portables, restore_session
from flet_cluster.snapshot import CodeIndex, KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (10, 50, 200, 1000)
NAMES = (10, 600, 3000)
BALLAST = 25_000
"""Sentences of 40 bytes in the larger page of the second table: one megabyte."""
MODULE = "bench_many_names"
PURPOSE, CONTEXT = "image", ("bench", "session", 1)


def fill(page: ft.Page, controls: int) -> None:
    """Rows of a text, a field and a button whose handler closes over both."""
    counts = [0]

    def row(number: int) -> ft.Row:
        label, field = ft.Text(f"row {number}"), ft.TextField(value="")

        def click(e: ft.Event[ft.IconButton]) -> None:
            counts[0] += 1
            label.value = field.value

        return ft.Row([label, field, ft.IconButton(ft.Icons.ADD, on_click=click)])

    page.add(*(row(number) for number in range(controls // 4)))


def best(function: Callable[[], object], seconds: float = 0.5) -> float:
    """Return the shortest time of one call, in microseconds."""
    shortest = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        function()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest * 1e6


def app_of(names: int) -> CodeIndex:
    """This module as an app, with another one that has so many globals."""
    module = sys.modules[MODULE] = ModuleType(MODULE)
    vars(module).update({f"LIST_{number}": [number] for number in range(names)})
    return CodeIndex(lambda name: name in {__name__, MODULE})


def measure(size: int, names: int = 0, ballast: int = 0) -> str:
    """Return one line of the table."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    connection = RecordingConnection(loop)
    session = Session(connection)
    register(session)
    _context_page.set(session.page)
    fill(session.page, size)
    session.page.data = "the quick brown fox jumps over the hedge" * ballast
    code, portables, ring = app_of(names), flet_portables(), KeyRing(["secret"])
    externals = {"connection": connection, "pubsub": connection.pubsubhub, "loop": loop}
    data = capture_session(session, None, code, portables, externals)
    sealed = ring.seal(data, purpose=PURPOSE, context=CONTEXT)
    gc.collect()
    write = best(lambda: capture_session(session, None, code, portables, externals))
    read = best(lambda: restore_session(data, code, portables, externals))
    seal = best(lambda: ring.seal(data, purpose=PURPOSE, context=CONTEXT))
    opened = best(lambda: ring.open(sealed, purpose=PURPOSE, context=CONTEXT))
    count = len(session.index)
    return (
        f"{count:8} {len(data):9} {len(sealed):9} {write:9.0f} {read:9.0f} {seal:7.0f} {opened:7.0f}"
        f" {write / count:11.2f} {read / count:10.2f}"
    )


def main() -> None:
    """Print the tables."""
    heading = "controls     bytes    sealed  write µs   read µs seal µs open µs  µs/control read/contr."
    sys.stdout.write(f"{heading}\n")
    for size in SIZES:
        sys.stdout.write(f"{measure(size)}\n")
    sys.stdout.write(f"{heading}  globals of the app\n")
    for ballast in (0, BALLAST):
        for names in NAMES:
            sys.stdout.write(f"{measure(SIZES[0], names, ballast)}  {names}\n")


if __name__ == "__main__":
    from tests.snapshot.bench_snapshot import main as run  # the app's code must not be __main__

    run()
