"""Worker threads that take turns instead of racing (layer 3; imports no Flet).

Threads of one process share one interpreter lock: two that run at once only take it from each other. So one
worker at a time drains the queue, job after job, without a switch between them; the next one is woken only
when that worker is stuck in a job (it sleeps, waits for a database, computes for long). The idea is that of
Go's scheduler, which hands a blocked thread's queue to another thread. Once a worker is known to be stuck,
nobody waits to find that out again.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    Job = Callable[[], Callable[[], None]]

STALL_SECONDS = 0.02
"""A queue that does not move for so long has a stuck worker in front of it: wake another one."""


class Workers:
    """At most ``size`` threads for jobs given from one event loop.

    A job runs in a worker and returns what is to be called on the loop afterwards.

    Args:
        exhausted: told on the loop how many more jobs have to wait since all threads are stuck in one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, exhausted: Callable[[int], None]) -> None:
        self._loop = loop
        self._size = size
        self._exhausted = exhausted
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._done: deque[Callable[[], None]] = deque()
        self._idle: list[threading.Lock] = []
        self._at_work: set[threading.Lock] = set()
        self._stuck: set[threading.Lock] = set()
        self._threads = 0
        self._submitted = 0
        self._taken = 0
        self._told_of = 0
        self._watching = False
        self._told = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """Jobs that no worker has taken."""
        return len(self._jobs)

    @property
    def busy(self) -> int:
        """Threads that have a job."""
        return len(self._at_work)

    def submit(self, job: Job) -> None:
        """Queue a job; call on the loop."""
        with self._lock:
            self._jobs.append(job)
            self._submitted += 1
            alone = len(self._at_work) == len(self._stuck)
        if not (alone and self._wake_one()) and not self._watching:
            self._watching = True
            self._loop.call_later(STALL_SECONDS, self._watch, self._taken)

    def shutdown(self) -> None:
        """Take no more jobs; workers that are stuck are left behind (they are daemons)."""
        with self._lock:
            self._closed = True
            self._jobs.clear()
            idle, self._idle = self._idle, []
        for gate in idle:
            gate.release()

    def _wake_one(self) -> bool:
        """Get one more worker to the queue; False if there may be no more."""
        with self._lock:
            if self._closed or not (self._idle or self._threads < self._size):
                return False
            gate = self._idle.pop() if self._idle else threading.Lock()
            fresh = not gate.locked()
            self._at_work.add(gate)
            self._threads += fresh
        if fresh:
            gate.acquire()
            name = f"lane-{self._threads}"
            threading.Thread(target=self._work, args=(gate,), name=name, daemon=True).start()
        else:
            gate.release()
        return True

    def _watch(self, taken: int) -> None:
        """Look, on the loop and a moment after a job had to queue, whether the queue moved."""
        self._watching = False
        if not self._jobs or self._closed:
            return
        if self._taken == taken:
            with self._lock:
                self._stuck |= self._at_work
            if not self._wake_one():
                self._tell()
        self._watching = True
        self._loop.call_later(STALL_SECONDS, self._watch, self._taken)

    def _tell(self) -> None:
        """Say how many jobs found no thread and were not told of before."""
        more = self._submitted - max(self._told_of, self._taken)
        if more > 0:
            self._told_of = self._submitted
            self._exhausted(more)

    def _work(self, gate: threading.Lock) -> None:
        """One worker's life; ``gate`` is locked, and unlocked to wake it."""
        while True:
            with self._lock:
                self._stuck.discard(gate)
                if self._closed:
                    return
                if self._jobs:
                    job = self._jobs.popleft()
                    self._taken += 1
                else:
                    job = None
                    self._at_work.discard(gate)
                    self._idle.append(gate)
            if job is None:
                gate.acquire()
            else:
                self._finish(job())

    def _finish(self, then: Callable[[], None]) -> None:
        """Hand what is to be done over to the loop; one wake-up serves all that is there by then."""
        self._done.append(then)
        if not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._collect)

    def _collect(self) -> None:
        """On the loop: call what finished jobs returned."""
        self._told = False
        while self._done:
            self._done.popleft()()
