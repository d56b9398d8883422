"""Background work that a session can start again elsewhere (layer 3: may import Flet).

``page.run_task``, ``page.run_thread`` and component effects are *recorded*: the call is part of the snapshot
and the node that restores the session runs it again from its beginning. A task the app made by itself
(``asyncio.create_task``) cannot be recorded: nothing says how to make it again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import secrets
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Literal

from flet.controls.context import _context_page
from flet.controls.page import Page

from flet_cluster.errors import NotPortable, SnapshotError
from flet_cluster.host import charts, internals
from flet_cluster.host.current import Event, derive, enter
from flet_cluster.host.fence import behind, task_fence
from flet_cluster.host.loops import task_watcher, within_gate
from flet_cluster.host.pause import Pause
from flet_cluster.host.starters import named_like, note, read_call, task_starter
from flet_cluster.snapshot import capture

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Coroutine

    from flet_cluster.host.live import LiveSession
    from flet_cluster.host.starters import RestartedTask

logger = logging.getLogger("flet_cluster.host")

Kind = Literal["task", "thread", "effect"]
Outcome = tuple[Literal["result", "error", "cancelled"], Any]
Callbacks = list[Any]

THREADS_AT_ONCE = 40
"""Threads of one session, as many as Flet has for all of an app on a small machine; more calls wait."""
PAUSE_PATIENCE = 0.25
"""How long a thread waits for the loop, seconds: without the pause, what it shows goes out all the same."""
PARK_SECONDS = 5.0
"""How long a thread that has just updated the page waits for its session to leave this node."""


class BackgroundCall:
    """One recorded call. Its runtime half (the future) stays behind when it travels.

    Attributes:
        callbacks: of a call that has arrived here: what the app wants to be called with its future.
        over: of such a call: the app had cancelled it, though it had not ended yet.
    """

    __slots__ = (
        "again",
        "args",
        "callbacks",
        "cancel",
        "function",
        "future",
        "key",
        "kind",
        "kwargs",
        "over",
    )

    def __init__(
        self, kind: Kind, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.kind = kind
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.key = ""
        self.again = False
        self.callbacks: Callbacks = []
        self.over = False
        self.future: BackgroundFuture | RestartedTask | None = None
        self.cancel: Callable[[], None] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the call alone, with what waits for its end."""
        future = self.future
        callbacks = future.callbacks if isinstance(future, BackgroundFuture) else []
        state = (self.kind, self.function, self.args, self.kwargs, self.key, callbacks, self.cancelled)
        return (_blank_call, (), state, None, None, _fill_call)

    @property
    def cancelled(self) -> bool:
        """Whether the app has cancelled it, though it may not have ended yet."""
        return self.future is not None and self.future.cancelled()

    @property
    def event(self) -> Event:
        """What the app sees as the current event in this call."""
        function = getattr(self.function, "setup", self.function)
        name = getattr(function, "__qualname__", type(function).__name__)
        return Event(self.key, f"{self.kind} {name}", self.again)


def _blank_call() -> BackgroundCall:
    """Make a call to be filled, so that a cycle through its arguments finds it already there."""
    return BackgroundCall("task", _blank_call, (), {})


def _fill_call(call: BackgroundCall, state: tuple[Any, ...]) -> None:
    """Give a blank call its content. Whoever restores it starts it again."""
    call.kind, call.function, call.args, call.kwargs, call.key, *more = state
    if more:  # earlier releases wrote none of this
        call.callbacks, call.over = more
    call.again = True


class BackgroundFuture(concurrent.futures.Future[Any]):
    """What ``page.run_task`` returns: travels as "the future of that call".

    Attributes:
        travels: the error that it travels with, if the call's own cannot.
    """

    def __init__(self, call: BackgroundCall) -> None:
        super().__init__()
        self.call = call
        self.travels: BaseException | None = None
        self._settled = False
        call.future = self

    @property
    def callbacks(self) -> Callbacks:
        """What the app wants to be called with it. Who awaits it in a task is no part of that."""
        if self.done():
            return []
        given = list(self._done_callbacks)  # type: ignore[attr-defined]  # nothing public tells
        return [
            callback for callback in given if getattr(callback, "__module__", "") != asyncio.futures.__name__
        ]

    def cancel(self) -> bool:
        """Cancel the call, running or not."""
        cancelled = super().cancel()
        if self.call.cancel is not None:
            self.call.cancel()
            return True
        return cancelled

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel by the call; a future that is done keeps its outcome."""
        if not self.done():
            return (_future_of, (self.call,))
        if self.cancelled():
            return (_settled_future, (self.call, ("cancelled", None)))
        error = self.travels or self.exception()
        if error is not None:
            return (_settled_future, (self.call, ("error", error)))
        return (_finished_future, (self.call, self.result()))

    def settle(self, outcome: Outcome) -> None:
        """Its call has ended. Cancelled from another thread meanwhile, it stays cancelled."""
        if self._settled:
            return
        self._settled = True
        kind, value = outcome
        if kind == "cancelled":
            super().cancel()
        if not self.set_running_or_notify_cancel():
            return
        if kind == "error":
            self.set_exception(value)
        else:
            self.set_result(value)


def _future_of(call: BackgroundCall) -> Any:
    """Return the one future of a call."""
    return call.future or BackgroundFuture(call)


def _finished_future(call: BackgroundCall, result: Any) -> BackgroundFuture:
    """Rebuild a future whose call has ended."""
    return _settled_future(call, ("result", result))


def _settled_future(call: BackgroundCall, outcome: Outcome) -> BackgroundFuture:
    """Rebuild a future whose call has ended, however it did."""
    future: BackgroundFuture = _future_of(call)
    if not future.done():
        future.settle(outcome)
    return future


class Background:
    """The recorded calls of one session."""

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self.calls: dict[BackgroundCall, None] = {}
        self.threads = 0
        self._idents: set[int] = set()
        self._parked: set[Pause] = set()
        self._waiting: deque[BackgroundCall] = deque()
        self._adopted: list[BackgroundCall] = []
        self._stopping = False
        self._children: dict[BackgroundCall, set[asyncio.Task[Any]]] = {}

    def add(self, call: BackgroundCall) -> BackgroundFuture:
        """Record a call and start it. Callable from any thread."""
        future: BackgroundFuture = _future_of(call)
        self._name(call, *derive(call.kind))
        self.calls[call] = None
        self._live.host.loop.call_soon_threadsafe(self._live.lane.after, lambda: self._start(call))
        return future

    def _name(self, call: BackgroundCall, key: str, again: bool) -> None:
        """Give a call the key that it has on every node."""
        call.key = key or f"{self._live.id}:{secrets.token_urlsafe(9)}"
        call.again = again if key else self._live.again

    def starter(self, coro: Any, context: contextvars.Context | None) -> Any:
        """Record the call behind a task that is about to be made in ``did_mount``; see ``task_starter``."""
        found = read_call(within_gate(coro))
        if found is None or not self._live.host.program.is_app_module(found[0].__module__):
            return None
        return self._recorded(BackgroundCall("task", *found), coro, context)

    def chart_starter(self, coro: Any, context: contextvars.Context | None) -> Any:
        """Record the task that serves a chart, wherever it is made; see :mod:`.charts`."""
        chart = charts.chart_of(within_gate(coro))
        if chart is None:
            return None
        return self._recorded(BackgroundCall("task", charts.go_on, (chart,), {}), coro, context)

    def _recorded(self, call: BackgroundCall, coro: Any, context: contextvars.Context | None) -> Any:
        """Return what a :data:`task_starter` does for a coroutine that carries out this call."""
        derived = derive(call.kind) if context is None else context.run(derive, call.kind)
        self._name(call, *derived)
        return named_like(self._inside(call, coro), coro), lambda task: self._started(call, task)

    def _started(self, call: BackgroundCall, task: asyncio.Task[Any]) -> None:
        """The app's task of a recorded call is made."""
        note(task, call)
        self.calls[call] = None
        self._live.tasks.accompany(task)
        self._follow(call, task)

    async def _inside(self, call: BackgroundCall, coro: Any) -> Any:
        """Run a call's coroutine. What tasks it makes end and start with it."""
        task_starter.set(None)
        task_watcher.set(self._child_watcher(call))
        task_fence.set(self._live.fence)
        enter(call.event)
        return await behind(self._live.fence, coro)

    def _child_watcher(self, call: BackgroundCall) -> Callable[[asyncio.Task[Any]], None]:
        owner = weakref.ref(self)

        def watch(task: asyncio.Task[Any]) -> None:
            """A call makes a task; what it leaves behind at its end is a task like others."""
            background = owner()
            if background is not None:
                background.child(call, task)

        return watch

    def child(self, call: BackgroundCall, task: asyncio.Task[Any]) -> None:
        """A recorded call has made a task."""
        if call not in self.calls:
            self._live.tasks.watch(task)
            return
        self._live.tasks.accompany(task)
        children = self._children.setdefault(call, set())
        children.add(task)
        task.add_done_callback(children.discard)

    def adopt(self, calls: list[BackgroundCall]) -> None:
        """Take over what a snapshot says was running; it does not run before :meth:`restart`."""
        self._adopted = [call for call in calls if not call.over]
        self.calls.update(dict.fromkeys(self._adopted))
        for call in self._adopted:
            future = _future_of(call)
            for callback in call.callbacks:
                future.add_done_callback(callback)
            call.callbacks = []

    def restart(self) -> None:
        """Start again what was adopted, each call from its beginning."""
        calls, self._adopted = self._adopted, []
        for call in calls:
            if call in self.calls and not self._stopping:
                self._start(call)

    def _start(self, call: BackgroundCall) -> None:
        """Start a recorded call, on the loop."""
        if call.cancelled:
            self.calls.pop(call, None)
            self._settle(call, ("cancelled", None))
            self._live.changed(urgent=False)
        elif call.kind == "thread":
            self._start_thread(call)
        else:
            self._start_task(call)

    def _start_task(self, call: BackgroundCall) -> None:
        """Run a coroutine function as a task of the session."""
        self._follow(call, self._live.tasks.spawn(self._inside(call, self._run(call))))

    def _follow(self, call: BackgroundCall, task: asyncio.Task[Any]) -> None:
        """Note how a call is cancelled, and what becomes of it."""
        loop = self._live.host.loop

        def cancel() -> None:
            """Cancel the task, from any thread."""
            loop.call_soon_threadsafe(task.cancel)

        call.cancel = cancel
        if call.kind == "effect":
            setattr(call.function, internals.EFFECT_TASKS[0], task)  # the hook cancels it there
        task.add_done_callback(lambda done: self._ended(call, done))

    def _run(self, call: BackgroundCall) -> Coroutine[Any, Any, Any]:
        """Return the coroutine of a call."""
        if call.kind == "effect":
            return call.function.setup()  # type: ignore[attr-defined,no-any-return]  # an EffectHook
        return call.function(*call.args, **call.kwargs)  # type: ignore[no-any-return]

    def _ended(self, call: BackgroundCall, task: asyncio.Task[Any]) -> None:
        """Settle the future, unless the call only stops here to go on elsewhere."""
        if self._stopping:
            if not task.cancelled():
                task.exception()  # seen: it was cut short
            return
        self.calls.pop(call, None)
        call.cancel = None
        for left in self._children.pop(call, ()):
            self._live.tasks.watch(left)
        self._settle(call, self._outcome(call, task))
        self._live.changed()

    def _outcome(self, call: BackgroundCall, task: asyncio.Task[Any]) -> Outcome:
        """Return how a call's task has ended; an error is reported."""
        if task.cancelled():
            return "cancelled", None
        error = task.exception()
        if error is None:
            return "result", task.result()
        self._live.report(f"background {call.event.name} failed", error)
        return "error", error

    def _settle(self, call: BackgroundCall, outcome: Outcome) -> None:
        """Give the future its outcome."""
        kind, value = outcome
        future = call.future
        if isinstance(future, BackgroundFuture):
            future.travels = self._portable(value) if kind == "error" else None
            future.settle(outcome)
        elif future is None or future.done():
            return
        elif kind == "cancelled":
            future.cancel()
        elif kind == "error":
            future.set_exception(value)
        else:
            future.set_result(value)

    def _portable(self, error: BaseException) -> BaseException:
        """Return what an error travels as: an app that keeps a failed future keeps its session portable.

        Errors of libraries hold connections and answers.
        """
        host = self._live.host
        try:
            capture(error, host.code, host.portables, self._live.externals)
        except NotPortable:
            return RuntimeError(repr(error))
        except SnapshotError:
            pass  # a thread has changed something meanwhile
        return error

    def _start_thread(self, call: BackgroundCall) -> None:
        """Run a function in a thread, with the page bound as Flet does.

        The thread holds nothing of the session but what the app's function does.
        """
        if self.threads >= THREADS_AT_ONCE:
            self._wait(call)
            return
        self.threads += 1
        context, loop = self._live.context(), self._live.host.loop
        context.run(enter, call.event)
        idents, owner = self._idents, weakref.ref(self)

        def work() -> None:
            """In the thread."""
            error: BaseException | None = None
            idents.add(threading.get_ident())
            try:
                context.run(call.function, *call.args, **call.kwargs)
            except BaseException as raised:  # noqa: BLE001 - user code
                error = raised
            idents.discard(threading.get_ident())
            if not loop.is_closed():
                loop.call_soon_threadsafe(_thread_ended, owner, call, error)

        self._live.host.executor.submit(work)

    def _wait(self, call: BackgroundCall) -> None:
        """Keep a call until a thread of the session ends."""
        if not self._waiting:
            logger.warning("session %s: %d threads run; more calls wait", self._live.id, self.threads)
        self._live.host.observer.count("page_threads_exhausted")
        self._waiting.append(call)

    def thread_ended(self, call: BackgroundCall, error: BaseException | None) -> None:
        """Back on the loop."""
        self.threads -= 1
        if self._stopping:
            return  # by the error that ended it, or by itself: the next node starts it again
        if isinstance(error, Exception):
            self._live.report(f"background {call.event.name} failed", error)
        self.calls.pop(call, None)
        self._settle(call, ("result", None))
        if self._waiting:
            self._start_thread(self._waiting.popleft())
        self._live.changed()

    @property
    def here(self) -> bool:
        """Whether the caller is one of the session's threads."""
        return threading.get_ident() in self._idents

    @property
    def busy(self) -> bool:
        """Whether threads run that cannot be cut short now."""
        return self.threads > len(self._parked) and not self._stopping

    def pause(self) -> None:
        """In a thread that has updated the page: wait for the snapshot that holds what it has done so far."""
        Pause(self._live.host.loop, PAUSE_PATIENCE).take(self._paused)

    def _paused(self, pause: Pause) -> None:
        """On the loop, with the thread waiting.

        If the session is to leave this node, the thread waits for that: it ends here before the next node
        starts it again.
        """
        if self._live.output.has_packets:
            self._live.listener.stage()
        if not self._live.listener.departing or self._stopping:
            pause.resume()
            return
        self._parked.add(pause)
        self._live.host.loop.call_later(PARK_SECONDS, self._go_on, pause)
        self._live.changed()

    def _go_on(self, pause: Pause) -> None:
        """The session has left, or it has not in this time."""
        self._parked.discard(pause)
        pause.resume()

    def stop(self) -> None:
        """End the tasks here; the calls stay recorded for the next node."""
        self._stopping = True
        for call in self.calls:
            if call.cancel is not None:
                call.cancel()
        for pause in list(self._parked):
            self._go_on(pause)


def _thread_ended(owner: weakref.ref[Background], call: BackgroundCall, error: BaseException | None) -> None:
    """On the loop: tell the session, if there is still one."""
    background = owner()
    if background is not None:
        background.thread_ended(call, error)


def install() -> None:
    """Make ``page.run_task`` and ``page.run_thread`` record their calls in hosted sessions. Idempotent."""
    if getattr(Page.run_task, "_flet_cluster", False):
        return
    stock_task, stock_thread = Page.run_task, Page.run_thread

    def run_task(self: Page, handler: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a coroutine function in the background; see ``flet.Page.run_task``."""
        background = getattr(self.session, "background", None)
        if background is None:
            return stock_task(self, handler, *args, **kwargs)
        _context_page.set(self)  # type: ignore[arg-type]  # Flet declares it with its default, None
        if not inspect.iscoroutinefunction(handler):
            raise TypeError("handler must be a coroutine function")
        return background.add(BackgroundCall("task", handler, args, kwargs))

    def run_thread(self: Page, handler: Any, *args: Any, **kwargs: Any) -> None:
        """Run a function in a thread; see ``flet.Page.run_thread``."""
        background = getattr(self.session, "background", None)
        if background is None:
            stock_thread(self, handler, *args, **kwargs)
        else:
            background.add(BackgroundCall("thread", handler, args, kwargs))

    run_task._flet_cluster = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own mark
    Page.run_task, Page.run_thread = run_task, run_thread  # type: ignore[method-assign]
