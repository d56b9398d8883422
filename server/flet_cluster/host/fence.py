"""Background work stands still while another node may have the session (layer 3; imports no Flet).

A node whose sign of life has expired (it was frozen, or cut off from the store) may have lost its sessions to
others, which then run their background work. So each step of such work first looks whether the sign of life
is still valid; if it had expired, whether the session is still here. Steps of ordinary handlers are not held:
those are never run again elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
import types
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from flet_cluster.host.live import LiveSession

RETRY_SECONDS = 0.1
"""Pause between looks whether the node may go on."""


def now() -> float:
    """Return seconds of a clock that also runs while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class SignOfLife:
    """Until when other nodes are bound to believe that this one lives; the heartbeat's thread confirms it.

    Attributes:
        lapses: how often it had expired, or may have, before it was confirmed again.
        ttl: for how many seconds a heartbeat counts.
    """

    def __init__(self, clock: Callable[[], float] = now, ttl: float = 0.0) -> None:
        self._clock = clock
        self.ttl = ttl
        self._doubt_until = float("-inf")
        self._lock = threading.Lock()
        self._until: float | None = None
        self.lapses = 0

    @property
    def valid(self) -> bool:
        """Whether it is certain that nobody holds this node for dead. True before there was any heartbeat."""
        return self._until is None or self._clock() < self._until

    @property
    def age(self) -> float:
        """Seconds since the last heartbeat that the store has taken was sent; 0 before there was any."""
        return 0.0 if self._until is None else max(0.0, self._clock() - (self._until - self.ttl))

    @property
    def doubtful(self) -> bool:
        """Whether other nodes whose signs are missing in the store may live all the same.

        A store that was away, or lost its data, has dropped the signs of all, and nobody listens there until
        he has connected anew. Who notices one of these waits until all others have had time to.
        """
        now = self._clock()
        overdue = self._until is not None and self._until - now < self.ttl / 2
        return overdue or now < self._doubt_until

    def doubt(self) -> None:
        """Something is wrong with the store, or the way there; from any thread."""
        self._doubt_until = self._clock() + self.ttl

    def confirmed(self, sent: float, ttl: float) -> None:
        """The store has taken a heartbeat that was sent at this time of the clock."""
        with self._lock:
            if not self.valid:
                self.lapses += 1
            self._until = sent + ttl

    def time(self) -> float:
        """Return the clock's time, for :meth:`confirmed`."""
        return self._clock()


class Fence:
    """Lets one session's background work take its steps, or not. On the loop.

    Attributes:
        seen: the lapses after which the session was certainly this node's.
    """

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._life = live.host.life
        self.seen = self._life.lapses
        self._waiting: asyncio.Future[None] | None = None

    @property
    def open(self) -> bool:
        """Whether a step may be taken now."""
        return self._life.valid and self.seen == self._life.lapses and not self._live.gone

    async def wait(self) -> None:
        """Wait until it is open; for ever if the session has left this node."""
        if self._waiting is None:
            loop = self._live.host.loop
            self._waiting = loop.create_future()
            if not self._live.gone:
                job = loop.create_task(self._open_again(), context=contextvars.Context())
                self._live.tasks.accompany(job)
        await asyncio.shield(self._waiting)

    async def _open_again(self) -> None:
        """Look whether the session is still ours, as soon as the store can be asked."""
        while not self._live.gone:
            lapses = self._life.lapses
            with contextlib.suppress(StoreError):
                if self._life.valid and await self._live.listener.holds():
                    self.seen = lapses
                    if self.open:
                        break
            await asyncio.sleep(RETRY_SECONDS)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not self._live.gone:
            waiting.set_result(None)


@types.coroutine
def behind(fence: Fence, coro: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run ``coro``, each step only while the fence is open. Cancelling it reaches ``coro`` in any case."""
    thrown: BaseException | None = None
    while True:
        try:
            while thrown is None and not fence.open:
                yield from fence.wait().__await__()
        except asyncio.CancelledError as error:
            thrown = error
        try:
            awaited = coro.send(None) if thrown is None else coro.throw(thrown)
        except StopIteration as ended:
            return ended.value
        thrown = None
        try:
            yield awaited
        except GeneratorExit:
            coro.close()
            raise
        except BaseException as error:  # noqa: BLE001 - handed on
            thrown = error


task_fence: contextvars.ContextVar[Fence | None] = contextvars.ContextVar("task_fence", default=None)
"""Behind which the tasks step that are created in a context where it is set."""
