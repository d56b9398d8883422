"""Event loops that bear worker threads (layer 3; imports no Flet).

Flet's code and its documentation call loop functions in sync handlers: ``asyncio.create_task``,
``event.set()``, ``page.navigate``. Stock Flet runs those handlers on the loop. Here they run in worker
threads, so the loop must bear it:

* :func:`guard_loop` makes ``call_soon`` of the real loop safe from any thread, so that setting an event or a
  future from a worker wakes the loop instead of corrupting it;
* :class:`WorkerLoop` is what ``asyncio.get_running_loop()`` answers inside a worker.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")

TaskWatcher = Callable[["asyncio.Task[Any]"], None]

task_watcher: contextvars.ContextVar[TaskWatcher | None] = contextvars.ContextVar(
    "task_watcher", default=None
)
"""Told of each task that is created in a context where it is set: how a session knows its tasks."""


def weakly(method: TaskWatcher) -> TaskWatcher:
    """Return a watcher that does not keep the method's object: an endless thread may hold its context."""
    reference = weakref.WeakMethod(method)

    def watch(task: asyncio.Task[Any]) -> None:
        """Tell the object, if it is still there."""
        found = reference()
        if found is not None:
            found(task)

    return watch


def guard_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Make ``loop.call_soon`` thread-safe and report tasks to :data:`task_watcher`. Idempotent."""
    if getattr(loop, "_flet_cluster_guarded", False):
        return
    owner = threading.get_ident()
    on_loop, from_thread = loop.call_soon, loop.call_soon_threadsafe

    def call_soon(callback: Any, *args: Any, context: contextvars.Context | None = None) -> Any:
        """Schedule a callback; wakes the loop when called from another thread."""
        schedule = on_loop if threading.get_ident() == owner else from_thread
        return schedule(callback, *args, context=context)

    loop.call_soon = call_soon  # type: ignore[method-assign,assignment]
    loop._flet_cluster_guarded = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own mark
    loop.set_task_factory(_watching_factory(loop.get_task_factory()))


def _watching_factory(inner: Any) -> Any:
    """Wrap a task factory so that sessions learn of the tasks their code starts."""

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
        """Create the task and tell the watcher of its context."""
        context = kwargs.get("context")
        watcher = context.get(task_watcher) if context is not None else task_watcher.get()
        if watcher is not None and isinstance(coro, Coroutine):
            coro = _Contained(coro)
        task = inner(loop, coro, **kwargs) if inner else asyncio.Task(coro, loop=loop, **kwargs)
        if watcher is not None:
            watcher(task)
        return task

    return factory


class _Contained(Coroutine[Any, Any, Any]):
    """A session's coroutine that cannot end the process.

    asyncio lets ``SystemExit`` and ``KeyboardInterrupt`` out of a task and out of the loop: one user's
    ``sys.exit()`` would take everybody's node away (I9).
    """

    __slots__ = ("__weakref__", "_coro")

    def __init__(self, coro: Coroutine[Any, Any, Any]) -> None:
        self._coro = coro

    def send(self, value: Any) -> Any:
        """Take a step."""
        try:
            return self._coro.send(value)
        except (SystemExit, KeyboardInterrupt) as error:
            raise _no_exit(error) from error

    def throw(self, *args: Any) -> Any:
        """Take a step with an exception."""
        try:
            return self._coro.throw(*args)
        except (SystemExit, KeyboardInterrupt) as error:
            raise _no_exit(error) from error

    def close(self) -> None:
        """End it."""
        self._coro.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        """Run in another coroutine."""
        return self._coro.__await__()

    def __getattr__(self, name: str) -> Any:
        """Look like the coroutine to whoever examines a task: names, frames, code."""
        return getattr(self._coro, name)


def _no_exit(error: BaseException) -> RuntimeError:
    return RuntimeError(f"a task of a session cannot end the process: {error!r}")


class WorkerLoop(asyncio.AbstractEventLoop):
    """Stands for the real loop inside one worker's run of one handler.

    Tasks created here are true tasks of the real loop. They start when the handler has returned
    (:meth:`open_gate`), as they do in stock Flet, where the handler blocks the loop until then.
    """

    def __init__(self, real: asyncio.AbstractEventLoop) -> None:
        self._real = real
        self._gate: asyncio.Future[None] | None = None
        self._open = False

    def open_gate(self) -> None:
        """Let the tasks start. Call on the real loop's thread when the worker is done."""
        self._open = True
        if self._gate is not None and not self._gate.done():
            self._gate.set_result(None)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        **_: Any,
    ) -> asyncio.Task[T]:
        """Create the task on the real loop, in the caller's context, behind the gate."""
        where = context or contextvars.copy_context()
        return self._on_loop(lambda: self._real.create_task(self._gated(coro), name=name, context=where))

    async def _gated(self, coro: Any) -> Any:
        """Wait for the worker, then run ``coro``."""
        if not self._open:
            if self._gate is None:
                self._gate = self._real.create_future()
            try:
                await asyncio.shield(self._gate)
            except asyncio.CancelledError:
                coro.close()
                raise
        return await coro

    def _on_loop(self, make: Callable[[], T]) -> T:
        """Run ``make`` on the loop's thread and return what it returns."""
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = self
        if here is self._real:
            return make()
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            """Carry the result or the error over to the worker."""
            try:
                done.set_result(make())
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                done.set_exception(error)

        self._real.call_soon_threadsafe(run)
        return done.result()

    def call_soon(  # type: ignore[override]  # callbacks of any kind pass through
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """Schedule on the real loop."""
        return self._real.call_soon_threadsafe(callback, *args, context=context)

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # the same here

    def call_later(  # type: ignore[override]  # callbacks of any kind pass through
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """Schedule on the real loop."""
        return self._on_loop(lambda: self._real.call_later(delay, callback, *args, context=context))

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """Schedule on the real loop."""
        return self._on_loop(lambda: self._real.call_at(when, callback, *args, context=context))

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Run in an executor of the real loop."""
        return self._on_loop(lambda: self._real.run_in_executor(executor, func, *args))

    def create_future(self) -> asyncio.Future[Any]:
        """Create a future of the real loop."""
        return self._real.create_future()

    def time(self) -> float:
        """Return the real loop's clock."""
        return self._real.time()

    def is_running(self) -> bool:
        """Return whether the loop runs: it does, or no worker would."""
        return True

    def is_closed(self) -> bool:
        """Return whether the real loop is closed."""
        return self._real.is_closed()

    def get_debug(self) -> bool:
        """Return the real loop's debug flag."""
        return self._real.get_debug()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Hand to the real loop's handler."""
        self._real.call_soon_threadsafe(self._real.call_exception_handler, context)
