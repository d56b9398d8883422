"""An event loop that knows when it has nothing left to do, with a clock that only moves when told.

``run_until_idle`` returns when no callback is ready and no worker thread is busy: whatever tasks exist then
are parked on something from outside. Timers fire when :meth:`VirtualLoop.skip_to_timer` moves the clock, so
an app that sleeps costs no time and behaves the same on every run.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

T = TypeVar("T")
TURN = 0.05


class CountingExecutor(ThreadPoolExecutor):
    """One worker, so that the order is fixed; remembers what has not finished."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self.busy: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Start work and remember it until it is done."""
        future = super().submit(fn, *args, **kwargs)
        self.busy.add(future)
        return future


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop driven from outside."""

    _ready: deque[Any]  # private in asyncio, stable since Python 3.4
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self._now = 1_000.0
        super().__init__()
        self.workers = CountingExecutor()

    def time(self) -> float:
        """The virtual time in seconds."""
        return self._now

    def run_until_idle(self) -> None:
        """Run all that can run without time passing."""
        asyncio.set_event_loop(self)
        while True:
            self.call_soon(self.stop)
            self.run_forever()
            if self._ready:
                continue
            busy = {future for future in self.workers.busy if not future.done()}
            self.workers.busy = busy
            if not busy:
                if not self._ready:
                    return
            else:
                wait(busy, timeout=TURN)

    def skip_to_timer(self, until: float) -> bool:
        """Move the clock to the next timer; ``False`` if there is none before ``until``."""
        due = [handle.when() for handle in self._scheduled if not handle.cancelled()]
        if not due or min(due) > until:
            return False
        self._now = max(self._now, min(due))
        return True
