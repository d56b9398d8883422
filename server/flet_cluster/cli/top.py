"""``flet-cluster top``: the nodes and the busiest sessions, live (layer 5)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from flet_cluster import figures
from flet_cluster.cli.options import AppName, RedisUrl, settings_from, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Group

    from flet_cluster.inspection import Inspector

_QUIT = b"qQ\x1b\x03"
_KEYS = "q: quit   space: now   p: pause"


def top(
    redis_url: RedisUrl = None,
    app_name: AppName = None,
    *,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2)] = 2.0,
    most: Annotated[int, typer.Option("--sessions", help="How many sessions to show.", min=0, max=500)] = 15,
    once: Annotated[bool, typer.Option("--once", help="Look once, print, and end.")] = False,
) -> None:
    """Watch the nodes, and the busiest sessions (for these: with the secret key). Ends with q."""
    settings = settings_from(redis_url, app_name)
    from flet_cluster.cli import tables  # noqa: PLC0415  not for --help

    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        tables.show(within(settings, lambda inspector: frame(inspector, most, settings.app_name)))
    else:
        with contextlib.suppress(KeyboardInterrupt):
            within(settings, lambda inspector: _watch(inspector, most, settings.app_name, interval))


async def frame(inspector: Inspector, most: int, title: str, foot: str = "") -> Group:
    """Look at a cluster once.

    Args:
        inspector: reads it.
        most: sessions to show.
        title: stands above it.
        foot: stands below it.
    """
    from rich.console import Group  # noqa: PLC0415  not for --help
    from rich.text import Text  # noqa: PLC0415  the same

    from flet_cluster.cli import tables  # noqa: PLC0415  the same

    nodes, busy = await asyncio.gather(inspector.nodes(), inspector.busiest(most))
    sessions, connected = sum(node.sessions for node in nodes), sum(node.connected for node in nodes)
    events = sum(node.events for node in nodes)
    line = (
        f"{title}  {len(nodes)} nodes  {figures.count(sessions)} sessions held  "
        f"{figures.count(connected)} connected  {figures.rate(events)} events/s"
    )
    return Group(
        Text(line, "bold"),
        Text(""),
        tables.of_nodes(nodes, time.time()),
        Text(""),
        tables.of_busy(busy),
        Text(foot, "dim"),
    )


async def _watch(inspector: Inspector, most: int, title: str, interval: float) -> None:
    """Show it until somebody presses a key to end it."""
    from rich.live import Live  # noqa: PLC0415  not for --help

    pressed: asyncio.Queue[bytes] = asyncio.Queue()
    paused = False
    with _keys(pressed), Live(screen=True, auto_refresh=False) as live:
        while True:
            if not paused:
                live.update(await frame(inspector, most, title, _KEYS), refresh=True)
            key = b""
            with contextlib.suppress(TimeoutError):
                key = await asyncio.wait_for(pressed.get(), interval)
            if key and key in _QUIT:
                return
            if key in {b"p", b"P"}:
                paused = not paused


def read_key(terminal: int) -> bytes:
    """Return what was pressed; where nobody can press anything any more, what ends it."""
    with contextlib.suppress(OSError):
        return os.read(terminal, 1) or _QUIT[:1]
    return _QUIT[:1]


@contextlib.contextmanager
def _keys(pressed: asyncio.Queue[bytes]) -> Iterator[None]:
    """Read single keys from the terminal, without a line's end, for as long as the block lasts."""
    import termios  # noqa: PLC0415  not on every system
    import tty  # noqa: PLC0415  the same

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    loop = asyncio.get_running_loop()
    tty.setcbreak(terminal)
    loop.add_reader(terminal, lambda: pressed.put_nowait(read_key(terminal)))
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
