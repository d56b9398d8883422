"""The demo without a view: lines in, lines out, for scripts and for poor terminals (layer 5)."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.demo.orders import Orders
    from flet_cluster.demo.sight import Row, Sight

HELP = "Commands: kill N, drain N, add, status, quit"


class Plain:
    """Reads commands and answers them.

    Args:
        orders: carries them out.
        sight: what there is.
        say: prints a line.
    """

    def __init__(self, orders: Orders, sight: Sight, say: Callable[[str], None]) -> None:
        self._orders = orders
        self._sight = sight
        self._say = say
        self._words: asyncio.Queue[list[str]] = asyncio.Queue()

    async def run(self) -> None:
        """Do what is written, for ever; the end of the input is not the end of the demo."""
        loop = asyncio.get_running_loop()
        # A thread: the input may be a file or a device, which no event loop waits for.
        threading.Thread(target=_read, args=(loop, self._words), daemon=True).start()
        self._say(HELP)
        while True:
            words = await self._words.get()
            try:
                await self._do(*words)
            except (TypeError, ValueError):
                self._say(HELP)

    async def _do(self, verb: str, number: str = "") -> None:
        match verb:
            case "kill":
                self._orders.kill(int(number))
            case "drain":
                self._orders.drain(int(number))
            case "add":
                self._orders.add()
            case "status":
                await self._sight.look()
                for row in self._sight.rows:
                    self._say(_described(row))
                for session in self._sight.sessions:
                    node = self._sight.number(session.owner)
                    self._say(f"session {session.session_id[:8]} {session.state} node {node}")
            case "quit":
                self._orders.over.set()
            case _:
                self._say(HELP)


def _described(row: Row) -> str:
    member, facts = row.member, row.facts
    said = f"node {member.number} {member.phase} pid {member.pid} port {member.port}"
    return f"{said} sessions {facts.sessions} connected {facts.connected}" if facts else said


def _read(loop: asyncio.AbstractEventLoop, words: asyncio.Queue[list[str]]) -> None:
    for line in sys.stdin or ():  # none: it was closed
        if line.strip():
            try:
                loop.call_soon_threadsafe(words.put_nowait, line.split())
            except RuntimeError:  # the demo is over
                return
