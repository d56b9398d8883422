"""Event loops that bear worker threads (layer 3; imports no Flet).

Flet's code and its documentation call loop functions in sync handlers: ``asyncio.create_task``,
``event.set()``, ``page.navigate``. Stock Flet runs those handlers on the loop. Here they run in worker
threads, so the loop must bear it:

* :func:`guard_loop` makes ``call_soon`` and the timers of the real loop safe from any thread, so that setting
  an event or a future from a worker, or ``page.loop.call_later``, wakes the loop instead of corrupting it;
* :class:`WorkerLoop` is what ``asyncio.get_running_loop()`` answers inside a worker.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import sys
import threading
import types
import weakref
from asyncio import events as asyncio_events
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ParamSpec, TypeVar

from flet_cluster.host.app_timers import note, watched
from flet_cluster.host.fence import Fence, behind, task_fence
from flet_cluster.host.starters import named_like, task_starter

P = ParamSpec("P")
T = TypeVar("T")

TaskWatcher = Callable[["asyncio.Task[Any]"], None]

task_watcher: contextvars.ContextVar[TaskWatcher | None] = contextvars.ContextVar(
    "task_watcher", default=None
)
"""Told of each task that is created in a context where it is set: how a session knows its tasks."""


def weakly(method: Callable[P, T]) -> Callable[P, T | None]:
    """Return a function that calls a method without keeping its object; None once that is gone.

    For contexts: an endless thread may hold one.
    """
    reference = weakref.WeakMethod(method)

    def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
        """Call the method, if its object is still there."""
        found = reference()
        return None if found is None else found(*args, **kwargs)

    return call


def guard_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Make ``call_soon`` and the timers thread-safe; report tasks to :data:`task_watcher`. Idempotent."""
    if getattr(loop, "_flet_cluster_guarded", False):
        return
    get_ident = threading.get_ident
    owner = get_ident()
    on_loop, from_thread = loop.call_soon, loop.call_soon_threadsafe

    def call_soon(callback: Any, *args: Any, context: contextvars.Context | None = None) -> Any:
        """Schedule a callback; wakes the loop when called from another thread."""
        if get_ident() == owner:
            return on_loop(callback, *args, context=context)
        return from_thread(callback, *args, context=context)

    loop.call_soon = call_soon  # type: ignore[method-assign,assignment]
    # In asyncio the one calls the other, in uvloop it is the other way round.
    for name in ("call_later", "call_at"):
        setattr(loop, name, _timer_from_anywhere(loop, getattr(loop, name), owner))
    loop._flet_cluster_guarded = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own mark
    loop.set_task_factory(_watching_factory(loop.get_task_factory()))


def _timer_from_anywhere(loop: asyncio.AbstractEventLoop, timer: Callable[..., T], owner: int) -> Any:
    """Wrap ``call_later`` or ``call_at``: set from another thread, a timer would not wake the loop."""

    def schedule(when: float, callback: Any, *args: Any, context: contextvars.Context | None = None) -> T:
        """Schedule a callback; callable from any thread."""
        callback = watched(callback, context, _module(sys._getframe(1)))  # noqa: SLF001
        if threading.get_ident() == owner:
            handle = timer(when, callback, *args, context=context)
        else:
            here = context or contextvars.copy_context()
            handle = _elsewhere(loop, lambda: timer(when, callback, *args, context=here))
        note(handle, callback)
        return handle

    return schedule


def _module(frame: types.FrameType) -> str:
    """Return the name of the module whose code a frame runs."""
    name: str = frame.f_globals.get("__name__", "")
    return name


def _elsewhere(loop: asyncio.AbstractEventLoop, make: Callable[[], T]) -> T:
    """Run ``make`` on the loop's thread, from another, and return what it returns."""
    done: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        """Carry the result or the error over."""
        try:
            done.set_result(make())
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            done.set_exception(error)

    loop.call_soon_threadsafe(run)
    return done.result()


def _watching_factory(inner: Any) -> Any:
    """Wrap a task factory so that sessions learn of the tasks their code starts."""

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
        """Create the task and tell the watcher of its context."""
        here = asyncio_events._get_running_loop()  # noqa: SLF001 - documented for loop implementers
        if isinstance(here, WorkerLoop):  # gather asks for the loop of its first task, and uses that
            return here.create_task(coro, **kwargs)
        context = kwargs.get("context")
        if context is not None and not context:  # one of the node's own tasks
            return inner(loop, coro, **kwargs) if inner else asyncio.Task(coro, loop=loop, **kwargs)
        watcher = context.get(task_watcher) if context is not None else task_watcher.get()
        starter = context.get(task_starter) if context is not None else task_starter.get()
        fence = context.get(task_fence) if context is not None else task_fence.get()
        if starter is not None:
            coro, watcher = starter(coro, context) or (coro, watcher)
        if fence is not None and isinstance(coro, Coroutine):
            coro = named_like(_fenced(fence, coro), coro)
        if watcher is not None and isinstance(coro, Coroutine):
            coro = _Contained(coro)
        task = inner(loop, coro, **kwargs) if inner else asyncio.Task(coro, loop=loop, **kwargs)
        if watcher is not None:
            watcher(task)
        return task

    return factory


async def _fenced(fence: Fence, coro: Any) -> Any:
    return await behind(fence, coro)


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
            return _awaitable_here(self._coro.send(value))
        except (SystemExit, KeyboardInterrupt) as error:
            raise _no_exit(error) from error

    def throw(self, *args: Any) -> Any:
        """Take a step with an exception."""
        try:
            return _awaitable_here(self._coro.throw(*args))
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


def within_gate(coro: Any) -> Any:
    """Return the coroutine that waits behind a worker's gate; ``coro`` itself if it is not at one."""
    if isinstance(coro, types.CoroutineType) and coro.cr_code is WorkerLoop._gated.__code__ and coro.cr_frame:  # noqa: SLF001
        return coro.cr_frame.f_locals["coro"]
    return coro


def _awaitable_here(awaited: Any) -> Any:
    """Return what a task of the real loop can wait for in place of a future that a worker made.

    ``asyncio.Future()`` in a sync handler belongs to what its thread takes for the running loop, and a task
    refuses to wait for the future of another loop.
    """
    loop = getattr(awaited, "_loop", None)
    if not isinstance(loop, WorkerLoop):
        return awaited
    mirror = loop.create_future()

    def ended(_: Any) -> None:
        """The task looks for the result itself."""
        if not mirror.done():
            mirror.set_result(None)

    def cancelled(_: Any) -> None:
        """The task does not wait any more."""
        if mirror.cancelled():
            awaited.cancel()

    awaited._asyncio_future_blocking = False  # noqa: SLF001 - what Task.__step does
    awaited.add_done_callback(ended)
    mirror.add_done_callback(cancelled)
    mirror._asyncio_future_blocking = True  # noqa: SLF001 - what Future.__await__ does
    return mirror


def _no_exit(error: BaseException) -> RuntimeError:
    return RuntimeError(f"a task of a session cannot end the process: {error!r}")


_OURS = frozenset({"get_debug", "is_closed", "time", "get_task_factory", "get_exception_handler"})
"""Functions of a loop that answer at once and may be asked from any thread."""
_REFUSED = {
    "run_forever": "this event loop is already running.",
    "run_until_complete": "this event loop is already running.",
    "close": "Cannot close a running event loop",
    "stop": "the event loop serves all sessions of this node: a handler cannot stop it",
}
"""What asyncio, or we, do not let a handler do."""


class WorkerLoop(asyncio.AbstractEventLoop):
    """Stands for the real loop inside one worker's run of one handler.

    Tasks created here are true tasks of the real loop. They start when the handler has returned
    (:meth:`open_gate`) or yields (:meth:`turn`), as they do in stock Flet, where the handler blocks the loop
    until then. All that is not defined here is done on the real loop (:func:`_complete`).
    """

    def __init__(self, real: asyncio.AbstractEventLoop) -> None:
        self.real = real
        self._gate: asyncio.Future[None] | None = None
        self._open = False

    def open_gate(self) -> None:
        """Let the tasks start. Call on the real loop's thread when the worker is done."""
        self._open = True
        self.turn()

    def turn(self) -> None:
        """Let the tasks start that there are. Call on the real loop's thread while the worker waits."""
        gate, self._gate = self._gate, None
        if gate is not None and not gate.done():
            gate.set_result(None)

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
        gated = named_like(self._gated(coro), coro)
        return self.on_loop(lambda: self.real.create_task(gated, name=name, context=where))

    async def _gated(self, coro: Any) -> Any:
        """Wait for the worker, then run ``coro``."""
        if not self._open:
            if self._gate is None:
                self._gate = self.real.create_future()
            try:
                await asyncio.shield(self._gate)
            except asyncio.CancelledError:
                coro.close()
                raise
        return await coro

    def on_loop(self, make: Callable[[], T]) -> T:
        """Run ``make`` on the loop's thread and return what it returns."""
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = self
        if here is self.real:
            return make()
        return _elsewhere(self.real, make)

    def call_soon(  # type: ignore[override]  # callbacks of any kind pass through
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """Schedule on the real loop."""
        return self.real.call_soon_threadsafe(callback, *args, context=context)

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # the same here

    def call_later(  # type: ignore[override]  # callbacks of any kind pass through
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """Schedule on the real loop."""
        callback = watched(callback, context, _module(sys._getframe(1)))  # noqa: SLF001
        return self.on_loop(lambda: self.real.call_later(delay, callback, *args, context=context))

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """Schedule on the real loop."""
        callback = watched(callback, context, _module(sys._getframe(1)))  # noqa: SLF001
        return self.on_loop(lambda: self.real.call_at(when, callback, *args, context=context))

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Run in an executor of the real loop."""
        return self.on_loop(lambda: self.real.run_in_executor(executor, func, *args))

    def create_future(self) -> asyncio.Future[Any]:
        """Create a future of the real loop."""
        return self.real.create_future()

    def is_running(self) -> bool:
        """Return whether the loop runs: it does, or no worker would."""
        return True

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Hand to the real loop's handler."""
        self.real.call_soon_threadsafe(self.real.call_exception_handler, context)


def _complete(cls: type[WorkerLoop]) -> None:
    """Give a worker's loop all the other functions of a loop.

    Coroutines (``sock_recv``, ``create_connection``) are the real loop's own and run in whichever task awaits
    them; plain functions (``add_reader``) are called on the real loop's thread.
    """
    for name, member in vars(asyncio.AbstractEventLoop).items():
        if name in vars(cls) or name.startswith("_") or not inspect.isfunction(member):
            continue
        if name in _REFUSED:
            setattr(cls, name, _refusing(name))
        elif inspect.iscoroutinefunction(member) or name in _OURS:
            setattr(cls, name, _asking(name))
        else:
            setattr(cls, name, _passing_on(name))


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(_self: WorkerLoop, *_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError(_REFUSED[name])

    return refuse


def _asking(name: str) -> Callable[..., Any]:
    def ask(self: WorkerLoop, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.real, name)(*args, **kwargs)

    return ask


def _passing_on(name: str) -> Callable[..., Any]:
    def pass_on(self: WorkerLoop, *args: Any, **kwargs: Any) -> Any:
        return self.on_loop(lambda: getattr(self.real, name)(*args, **kwargs))

    return pass_on


_complete(WorkerLoop)  # type: ignore[type-abstract]  # typing only: asyncio defines them all
