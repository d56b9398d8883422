"""Runs the view: draws it anew now and then, and turns keys into orders (layer 5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from flet_cluster.demo.keyboard import keys
from flet_cluster.demo.view import View
from flet_cluster.errors import ClusterError

if TYPE_CHECKING:
    from flet_cluster.demo.log import Log
    from flet_cluster.demo.orders import Orders
    from flet_cluster.demo.sight import Sight

_LOOK_SECONDS = 0.5


class Screen:
    """The terminal while the demo runs.

    Args:
        orders: what keys mean.
        sight: what is shown.
        log: what is shown, too.
        url: the app's address.
    """

    def __init__(self, orders: Orders, sight: Sight, log: Log, url: str) -> None:
        self._orders = orders
        self._sight = sight
        self._log = log
        self._view = View(sight, log, url)
        self._pressed = asyncio.Event()

    async def run(self) -> None:
        """Show and obey, until it is cancelled."""
        console = Console()
        self._log.printed = False
        try:
            with Live(console=console, screen=True, auto_refresh=False) as live, keys(self._press):
                while True:
                    await self._look()
                    live.update(self._view.draw(console), refresh=True)
                    await self._pause()
        finally:
            self._log.printed = True

    async def _look(self) -> None:
        try:
            await self._sight.look()
        except ClusterError as error:
            self._log.say(f"The store does not answer: {error}")

    async def _pause(self) -> None:
        """Wait until it is to be drawn again: after a while, or when a key was pressed."""
        try:
            await asyncio.wait_for(self._pressed.wait(), _LOOK_SECONDS)
        except TimeoutError:
            return
        self._pressed.clear()

    def _press(self, key: str) -> None:
        self._pressed.set()
        match key:
            case "k":
                self._orders.kill(self._view.chosen)
            case "d":
                self._orders.drain(self._view.chosen)
            case "a":
                self._orders.add()
            case "q":
                self._orders.over.set()
            case _ if key in "123456789":
                self._view.chosen = int(key)
