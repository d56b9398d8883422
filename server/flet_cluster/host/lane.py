"""A session's lane: where its sync handlers run, one at a time (layer 3; imports no Flet).

Flet's dispatch is a coroutine even for sync handlers. :meth:`LaneRun.drive` runs such a coroutine to its end
in a worker thread, so that a blocking handler holds its own session only (I9). Where the coroutine yields
(``asyncio.sleep(0)`` of a generator handler) or the handler updates the page, the worker can pause for a
snapshot: :meth:`LaneRun.pause`. At a yield it also lets go of the lane when something else waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from asyncio import events as asyncio_events
from typing import TYPE_CHECKING, Any

from flet_cluster.events import NullObserver
from flet_cluster.host.loops import WorkerLoop
from flet_cluster.host.pause import Pause
from flet_cluster.host.workers import Workers

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Coroutine

    from flet_cluster.events import Observer

logger = logging.getLogger("flet_cluster.host")

PAUSE_PATIENCE = 5.0
"""How long a worker waits for the loop, seconds: without the pause, what it shows waits for its end."""
TELL_SECONDS = 10.0
"""How often the log says at most that all threads are in use."""
MOST_NAMED = 5
"""So many handlers are named then."""


class LanePool:
    """Worker threads shared by all sessions of a node; each session uses one at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, observer: Observer | None = None) -> None:
        self.loop = loop
        self.size = size
        self._observer = observer or NullObserver()
        self._workers = Workers(loop, size, self._exhausted)
        self._runs: set[LaneRun] = set()
        self._told = -TELL_SECONDS
        self._observer.gauge("lane_threads", lambda: self.size)
        self._observer.gauge("lane_threads_busy", lambda: self._workers.busy)
        self._observer.gauge("lane_waiting", lambda: self._workers.waiting)

    @property
    def busy(self) -> int:
        """How many runs were given to workers and are not back."""
        return len(self._runs)

    def start(
        self,
        coro: Coroutine[Any, Any, Any],
        context: contextvars.Context,
        done: Callable[[BaseException | None], None],
    ) -> LaneRun:
        """Drive ``coro`` in a worker, in ``context``; ``done(error or None)`` is called on the loop."""
        run = LaneRun(self.loop, coro, context, done)
        self.go(run)
        return run

    def go(self, run: LaneRun) -> None:
        """Give a run to a worker: a new one, or one that has let go of its lane at a yield."""
        self._runs.add(run)
        self._workers.submit(lambda: self._work(run))

    def _work(self, run: LaneRun) -> Callable[[], None]:
        """In the worker."""
        error: BaseException | None = None
        ended = True
        try:
            ended = run.context.run(run.drive)
        except BaseException as raised:  # noqa: BLE001 - reported on the loop
            error = raised
        return lambda: self._back(run, ended, error)

    def _back(self, run: LaneRun, ended: bool, error: BaseException | None) -> None:
        """Back on the loop: let the handler's tasks start, then report."""
        self._runs.discard(run)
        if ended:
            run.worker_loop.open_gate()
            done, run.done = run.done, _over  # what it calls knows the run: no cycle is left to be collected
            done(error)
        else:
            run.on_let_go()

    def _exhausted(self, more: int) -> None:
        """On the loop: so many more handlers wait for a thread, and there is none."""
        self._observer.count("lane_exhausted", more)
        now = time.monotonic()
        if now - self._told < TELL_SECONDS:
            return
        self._told = now
        holders = sorted((run for run in self._runs if run.thread_id), key=lambda run: run.since)
        named = [run.describe(now) for run in holders[:MOST_NAMED]]
        if len(holders) > MOST_NAMED:
            named.append(f"and {len(holders) - MOST_NAMED} more")
        logger.warning(
            "all %d threads for sync handlers are in use, and %d handlers wait. Give long work to "
            "page.run_thread, make such handlers async, or raise FLET_CLUSTER_LANE_THREADS. In use by: %s",
            self.size,
            self._workers.waiting,
            "; ".join(named),
        )

    def shutdown(self) -> None:
        """Take no more work; threads that are stuck in a handler are left behind."""
        self._workers.shutdown()


def _nothing() -> None:
    """Do nothing."""


def _over(_error: BaseException | None) -> None:
    """It has been reported."""


def _nobody() -> bool:
    """Nobody waits."""
    return False


class LaneRun:
    """One coroutine being driven in a worker thread.

    Attributes:
        what, code: which handler this is, for the log; its code object.
        on_pause: called on the loop while the worker waits: take the snapshot here.
        others_wait: asked on the loop at a yield: whether the run is to let go of the lane.
        on_let_go: called on the loop when it has; who owns the lane gives the run to the pool again.
        since: when a worker took it, by the monotonic clock.
        last_update: when it last updated the page, by the same clock; 0 if it has not.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, Any],
        context: contextvars.Context,
        done: Callable[[BaseException | None], None],
    ) -> None:
        self._loop = loop
        self._coro = coro
        self.context = context
        self.done = done
        self.worker_loop = WorkerLoop(loop)  # type: ignore[abstract]  # see there
        self.what = ""
        self.code: Any = None
        self.thread_id = 0
        self.since = 0.0
        self.last_update = 0.0
        self.paused = False
        self._lets_go = False
        self.on_pause: Callable[[], None] | None = None
        self.others_wait: Callable[[], bool] = _nobody
        self.on_let_go: Callable[[], None] = _nothing

    def describe(self, now: float) -> str:
        """Return for the log which handler this is, and how long it has been running."""
        place = f" ({self.code.co_filename}:{self.code.co_firstlineno})" if self.code is not None else ""
        return f"{self.what}{place} for {now - self.since:.1f} s"

    def drive(self) -> bool:
        """Run the coroutine in this thread; ``get_running_loop()`` answers the worker loop.

        Returns:
            Whether it has ended; if not, it let go of the lane at a yield and goes on when driven again.
        """
        self.since = time.monotonic()
        self.thread_id = threading.get_ident()
        self._lets_go = False
        asyncio_events._set_running_loop(self.worker_loop)  # noqa: SLF001 - documented for loop implementers
        try:
            while not self._lets_go:
                try:
                    awaited = self._coro.send(None)
                except StopIteration:
                    return True
                self._wait_for(awaited)
            return False
        finally:
            asyncio_events._set_running_loop(None)  # noqa: SLF001
            self.thread_id = 0

    def _wait_for(self, awaited: Any) -> None:
        """Do what a task would do with what the coroutine yielded."""
        if awaited is None:
            self._pause(self._at_yield)
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
        self._pause(self._at_update)

    def _pause(self, action: Callable[[Pause], None]) -> None:
        if self.on_pause is not None:
            Pause(self._loop, PAUSE_PATIENCE).take(action)

    def _at_update(self, pause: Pause) -> None:
        """On the loop, with the worker waiting in an update."""
        self.paused = True
        try:
            if self.on_pause is not None:
                self.on_pause()
        finally:
            self.paused = False
            pause.resume()

    def _at_yield(self, pause: Pause) -> None:
        """On the loop, with the worker waiting at a yield: a turn of the loop, as in stock Flet."""
        self.worker_loop.turn()
        self._lets_go = self.others_wait()
        self._at_update(pause)
