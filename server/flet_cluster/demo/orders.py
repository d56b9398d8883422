"""What the user of the demo may ask for, whether by a key or by a word (layer 5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flet_cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from flet_cluster.demo.fleet import Fleet
    from flet_cluster.demo.sight import Sight


class Orders:
    """Carries out orders, one beside the other; what is wrong with one is said.

    Args:
        fleet: gets them.
        sight: knows whom they concern.
        say: is told what came of them.

    Attributes:
        over: set when the user wants to leave.
    """

    def __init__(self, fleet: Fleet, sight: Sight, say: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._sight = sight
        self._say = say
        self._tasks: set[asyncio.Task[None]] = set()
        self.over = asyncio.Event()

    def kill(self, number: int) -> None:
        """Kill a node, and say where its sessions go on."""
        self._launch(self._kill(number))

    def drain(self, number: int) -> None:
        """Drain a node, and say where its sessions go on."""
        self._launch(self._drain(number))

    def add(self) -> None:
        """Add a node."""
        self._launch(self._add())

    async def close(self) -> None:
        """Stop saying what comes of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _kill(self, number: int) -> None:
        member = self._fleet.member(number)
        sessions = await self._sight.held_by(member)
        self._fleet.kill(number)
        await self._sight.follow(sessions, f"node {number} killed", self._say)

    async def _drain(self, number: int) -> None:
        member = self._fleet.member(number)
        sessions = await self._sight.held_by(member)
        self._say(f"node {number} is draining")
        self._fleet.drain(number)
        await self._sight.follow(sessions, f"node {number} drained", self._say)

    async def _add(self) -> None:
        self._say("starting a node")
        self._fleet.add()

    def _launch(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ClusterError as error:
            self._say(f"Not done: {error}.")
