"""``flet-cluster demo``: starts the cluster, shows it, obeys, and ends everything (layer 5)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flet_cluster.demo.fleet import APP_NAME, Fleet
from flet_cluster.demo.log import Log
from flet_cluster.demo.orders import Orders
from flet_cluster.demo.parts import find_parts
from flet_cluster.demo.plain import Plain
from flet_cluster.demo.sight import Sight
from flet_cluster.operating import open_cluster
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from flet_cluster.inspection import Inspector

_APP = Path(__file__).with_name("app") / "main.py"


def demo(target: str | None, *, nodes: int, port: int, plain: bool, storage: bool) -> None:
    """Run the demo until its user, or a signal, ends it.

    Args:
        target: the app; none: the one that comes with the package.
        nodes: how many nodes to start.
        port: of the load balancer; 0: a free one.
        plain: whether to print and read lines in place of a view; so it is where there is no terminal.
        storage: whether there is an S3 server for uploads.

    Raises:
        SettingsError: a part is not installed.
        StartFailed: a part does not start.
    """
    plain = plain or not has_terminal()
    parts = find_parts(storage=storage, view=not plain)
    log = Log(_print)
    fleet = Fleet(parts, target or str(_APP), log.say, port)
    asyncio.run(_Demo(fleet, log, plain=plain).run(nodes))


def has_terminal() -> bool:
    """Whether a view can be drawn, and keys be read."""
    if os.environ.get("TERM", "") in {"", "dumb", "unknown"}:
        return False
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _print(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it
        print(line, flush=True)  # noqa: T201


async def _first(*works: Coroutine[Any, Any, Any]) -> None:
    """Do things at the same time until one of them is done; what that raises is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


class _Demo:
    """One run."""

    def __init__(self, fleet: Fleet, log: Log, *, plain: bool) -> None:
        self._fleet = fleet
        self._log = log
        self._plain = plain

    async def run(self, nodes: int) -> None:
        """Start, show, end."""
        told = asyncio.Event()
        ends = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            ends.append(signal.SIGHUP)
        for number in ends:
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        try:
            await _first(self._started(nodes), told.wait())
        finally:
            await self._fleet.stop()

    async def _started(self, nodes: int) -> None:
        await self._fleet.start(nodes)
        async with self._inspector() as inspector:
            await self._shown(Sight(self._fleet, inspector))

    @contextlib.asynccontextmanager
    async def _inspector(self) -> AsyncIterator[Inspector]:
        fleet = self._fleet
        settings = Settings.model_validate(
            {"redis_url": fleet.redis_url, "app_name": APP_NAME, "secret_key": fleet.secret_key}
        )
        async with open_cluster(settings) as inspector:
            yield inspector

    async def _shown(self, sight: Sight) -> None:
        orders = Orders(self._fleet, sight, self._log.say)
        self._log.say(f"Open {self._fleet.url}")
        showing = self._lines(orders, sight) if self._plain else self._view(orders, sight)
        try:
            await _first(showing, orders.over.wait())
        finally:
            await orders.close()

    async def _lines(self, orders: Orders, sight: Sight) -> None:
        await Plain(orders, sight, _print).run()

    async def _view(self, orders: Orders, sight: Sight) -> None:
        from flet_cluster.demo.screen import Screen  # noqa: PLC0415  it imports rich

        await Screen(orders, sight, self._log, self._fleet.url).run()
