"""A session's lane: where its sync handlers run, one at a time (layer 3; imports no Flet).

Flet's dispatch is a coroutine even for sync handlers. :func:`drive` runs such a coroutine to its end in a
worker thread, so that a blocking handler holds its own session only (I9). Where the coroutine yields
(``asyncio.sleep(0)`` of a generator handler) or the handler updates the page, the worker can pause for a
snapshot: :meth:`LaneRun.pause`.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import events as asyncio_events
from typing import TYPE_CHECKING, Any

from flet_cluster.host.loops import WorkerLoop
from flet_cluster.host.pause import Pause
from flet_cluster.host.workers import Workers

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Coroutine


PAUSE_PATIENCE = 5.0
"""How long a worker waits for the loop, seconds: without the pause, what it shows waits for its end."""


class LanePool:
    """Worker threads shared by all sessions of a node; each session uses one at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int) -> None:
        self.loop = loop
        self.size = size
        self._workers = Workers(loop, size)
        self.busy = 0

    def start(
        self,
        coro: Coroutine[Any, Any, Any],
        context: contextvars.Context,
        done: Callable[[BaseException | None], None],
    ) -> LaneRun:
        """Drive ``coro`` in a worker, in ``context``; ``done(error or None)`` is called on the loop."""
        run = LaneRun(self.loop, coro)
        self.busy += 1

        def finish(error: BaseException | None) -> None:
            """Back on the loop: let the handler's tasks start, then report."""
            self.busy -= 1
            run.worker_loop.open_gate()
            done(error)

        def work() -> Callable[[], None]:
            """In the worker."""
            error: BaseException | None = None
            try:
                context.run(run.drive)
            except BaseException as raised:  # noqa: BLE001 - reported on the loop
                error = raised
            return lambda: finish(error)

        self._workers.submit(work)
        return run

    def shutdown(self) -> None:
        """Take no more work; threads that are stuck in a handler are left behind."""
        self._workers.shutdown()


class LaneRun:
    """One coroutine being driven in a worker thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any]) -> None:
        self._loop = loop
        self._coro = coro
        self.worker_loop = WorkerLoop(loop)  # type: ignore[abstract]  # see there
        self.thread_id = 0
        self.paused = False
        self.on_pause: Callable[[], None] | None = None
        """Called on the loop while the worker waits: take the snapshot here."""

    def drive(self) -> None:
        """Run the coroutine to its end in this thread; ``get_running_loop()`` answers the worker loop."""
        self.thread_id = threading.get_ident()
        asyncio_events._set_running_loop(self.worker_loop)  # noqa: SLF001 - documented for loop implementers
        try:
            while True:
                try:
                    awaited = self._coro.send(None)
                except StopIteration:
                    return
                self._wait_for(awaited)
        finally:
            asyncio_events._set_running_loop(None)  # noqa: SLF001
            self.thread_id = 0

    def _wait_for(self, awaited: Any) -> None:
        """Do what a task would do with what the coroutine yielded."""
        if awaited is None:
            self.pause()
            return
        awaited._asyncio_future_blocking = False  # noqa: SLF001 - what Task.__step does
        ready = threading.Event()
        self._loop.call_soon_threadsafe(awaited.add_done_callback, lambda _: ready.set())
        ready.wait()

    @property
    def here(self) -> bool:
        """Whether the caller is this run's worker thread."""
        return threading.get_ident() == self.thread_id

    def pause(self) -> None:
        """Stop this worker while :attr:`on_pause` runs on the loop, between steps of everything else."""
        if self.on_pause is not None:
            Pause(self._loop, PAUSE_PATIENCE).take(self._at_loop)

    def _at_loop(self, pause: Pause) -> None:
        """On the loop, with the worker waiting."""
        self.paused = True
        try:
            if self.on_pause is not None:
                self.on_pause()
        finally:
            self.paused = False
            pause.resume()
