"""Threads for ``page.run_thread`` and ``page.executor`` (layer 3; imports no Flet).

Such a thread may go on for as long as its user stays: a clock, a poll. In a pool of a few threads the users
who came first would keep all others from having one (I9); so each call gets a thread of its own. They are
daemons: one that never ends does not hold the process at its end.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from flet_cluster.host.app_threads import noted_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.events import Observer

logger = logging.getLogger("flet_cluster.host")

Job = tuple["Future[Any]", "Callable[[], Any]"]


class PageThreads(ThreadPoolExecutor):
    """A thread for each call, at most ``size`` at once; what comes on top waits, and is counted.

    It is a ``ThreadPoolExecutor`` by name, as Flet declares ``page.executor``, and in nothing else.
    """

    def __init__(self, size: int, observer: Observer) -> None:
        super().__init__(size)
        self._size = size
        self._observer = observer
        self._guard = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._running = 0
        self._closed = False
        observer.gauge("page_threads_busy", lambda: self._running)
        observer.gauge("page_threads_waiting", lambda: len(self._jobs))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn`` in a thread of its own."""
        caller = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001
        return noted_job(fn, caller, lambda job: self._submit(lambda: job(*args, **kwargs)))

    def _submit(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        job = (future, call)
        with self._guard:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if not (self._running < self._size and self._spawn(job)):
                self._wait(job)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls. Threads that never end are left behind, whatever ``wait`` says."""
        del wait, cancel_futures
        with self._guard:
            self._closed = True
            jobs, self._jobs = self._jobs, deque()
        for future, _ in jobs:
            future.cancel()

    def _spawn(self, job: Job) -> bool:
        """Start a thread; False when the system has none left."""
        try:
            threading.Thread(target=self._work, args=(job,), name="page-thread", daemon=True).start()
        except RuntimeError:
            if not self._running:
                raise  # nobody would ever take the job
            return False
        self._running += 1
        return True

    def _wait(self, job: Job) -> None:
        """Keep a call until a thread ends."""
        if not self._jobs:
            logger.warning("all %d threads for page.run_thread are in use; calls wait", self._running)
        self._observer.count("page_threads_exhausted")
        self._jobs.append(job)

    def _work(self, job: Job | None) -> None:
        """One thread's life: its own job, then those that had to wait."""
        while job is not None:
            _run(job)
            with self._guard:
                job = self._jobs.popleft() if self._jobs else None
                if job is None:
                    self._running -= 1


def _run(job: Job) -> None:
    """Run one call."""
    future, call = job
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - handed to the caller
        future.set_exception(error)
    else:
        future.set_result(result)
