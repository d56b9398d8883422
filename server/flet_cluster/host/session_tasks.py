"""The tasks of a session on this node (layer 3; imports no Flet).

Two kinds: those that its code made, which nobody can start again, so that they keep the session here and are
lost with the node; and those that are part of something recorded, which another node goes on with.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flet_cluster.host.live import LiveSession


class SessionTasks:
    """The tasks of one session. On the loop.

    Attributes:
        watched: those that the session's code made and that run.
    """

    __slots__ = ("__weakref__", "_accompanying", "_live", "watched")

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self.watched: set[asyncio.Task[Any]] = set()
        self._accompanying: set[asyncio.Task[Any]] = set()

    @property
    def none(self) -> bool:
        """Whether there is none of either kind."""
        return not self.watched and not self._accompanying

    @property
    def over(self) -> bool:
        """Whether no async code of the session is under way on the loop."""
        return not self.watched and all(task.done() for task in tuple(self._accompanying))

    def watch(self, task: asyncio.Task[Any]) -> None:
        """The session's code made a task: it keeps the session awake while it runs."""
        self.watched.add(task)
        task.add_done_callback(self._done)

    def accompany(self, task: asyncio.Task[Any]) -> None:
        """A task is part of something recorded: it ends here with the session, and is not lost by that."""
        self._accompanying.add(task)
        task.add_done_callback(self._accompanying.discard)

    def spawn(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as a task of the session that needs no watching.

        It is held here: the loop itself holds tasks weakly, and one that waits for something only it knows
        would be collected in the middle.
        """
        task = self._live.host.loop.create_task(coro, context=self._live.context())
        self.watched.discard(task)
        task.remove_done_callback(self._done)
        self.accompany(task)
        return task

    def forget(self) -> None:
        """The session ends for good, and what its code has set going goes on without it."""
        self.watched.clear()

    def cancel_watched(self) -> None:
        """Cut short what the session's code made."""
        for task in list(self.watched):
            task.add_done_callback(_seen)
            task.cancel()

    def cancel_accompanying(self) -> None:
        """Cut short what another node goes on with; a handler among it is reported there."""
        for task in list(self._accompanying):
            task.cancel()

    async def some_ended(self, patience: float) -> bool:
        """Wait until one of the session's code ends, at most so many seconds. Returns whether any ran."""
        running = [task for task in self.watched if not task.done()]
        if running:
            await asyncio.wait(running, timeout=patience)
        return bool(running)

    async def ended(self, patience: float) -> None:
        """Wait for what was cancelled, at most ``patience`` seconds, for some refuse to end."""
        here = asyncio.current_task()
        tasks = [task for task in (*self._accompanying, *self.watched) if task is not here]
        if tasks:
            await asyncio.wait(tasks, timeout=patience)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.watched.discard(task)
        self._live.changed(urgent=False)


def _seen(task: asyncio.Task[Any]) -> None:
    """A task was cut short: how it took that is nobody's concern."""
    if not task.cancelled():
        task.exception()
