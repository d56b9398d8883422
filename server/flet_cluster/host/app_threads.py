"""Threads that an app starts by itself, and jobs that it gives to executors (layer 3; imports no Flet).

A thread does not inherit the context of who starts it. What it starts in its turn (a timer that sets the
next one) is its session's all the same.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import thread as pools
from typing import TYPE_CHECKING, Any

from flet_cluster.host.app_work import app_work, here, named, over
from flet_cluster.host.loops import task_watcher
from flet_cluster.logscope import scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flet_cluster.host.app_work import AppWork
    from flet_cluster.logscope import Scope

_OURS = "flet_cluster."
_own: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def install() -> None:
    """Note threads and jobs that begin from now on in contexts that set ``app_work``. Idempotent."""
    stock, stock_submit = threading.Thread.start, ThreadPoolExecutor.submit
    if getattr(stock, "_flet_cluster", False):
        return

    def start(self: threading.Thread) -> None:
        """Start the thread; see ``threading.Thread.start``."""
        work = here()
        if work is None or _shared(self):
            stock(self)
        elif work.is_own(_target(self), sys._getframe(1).f_globals.get("__name__", "")):  # noqa: SLF001
            _start(self, work, stock)
        else:
            stock(self)
            work.accompany(self)

    def submit(self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a job; see ``ThreadPoolExecutor.submit``."""
        caller = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001
        return noted_job(fn, caller, lambda job: stock_submit(self, job, *args, **kwargs))

    start._flet_cluster = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own mark
    threading.Thread.start = start  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = submit  # type: ignore[method-assign,assignment]  # any job passes through


def is_own(thread: threading.Thread) -> bool:
    """Whether a session's code has started a thread: no library waits for it."""
    return thread in _own


def noted_job(
    function: Callable[..., Any], caller: str, submit: Callable[[Callable[..., Any]], Future[Any]]
) -> Future[Any]:
    """Give a job to an executor, and have its session stay until it is done, if it is the app's.

    Args:
        function: the job's.
        caller: the module that gives it.
        submit: gives it, or what is to run in its place.
    """
    work = here()
    if work is None or not work.is_own(function, caller):
        return submit(function)
    reference, watcher, whose = app_work.get(), task_watcher.get(), scope.get()

    def job(*args: Any, **kwargs: Any) -> Any:
        """Run in a thread of the executor."""
        with _inside(reference, watcher, whose):
            return function(*args, **kwargs)

    future = submit(job)
    number, owner = work.begin(f"job ({named(function)})", future.cancel), weakref.ref(work)
    future.add_done_callback(lambda _: over(owner, number))
    return future


def _start(thread: threading.Thread, work: AppWork, stock: Callable[[threading.Thread], None]) -> None:
    """Start a thread of a session's code, which says when it ends."""
    run, owner = thread.run, weakref.ref(work)
    watcher, whose = task_watcher.get(), scope.get()
    cancel = thread.cancel if isinstance(thread, threading.Timer) else None
    kind = "thread" if cancel is None else "timer"
    number = work.begin(f"{kind} {thread.name} ({named(_target(thread))})", cancel)

    def followed() -> None:
        """In the thread."""
        thread.__dict__.pop("run", None)
        try:
            with _inside(owner, watcher, whose):
                run()
        finally:
            over(owner, number)

    _own.add(thread)
    thread.run = followed  # type: ignore[method-assign]
    try:
        stock(thread)
    except BaseException:
        thread.__dict__.pop("run", None)
        over(owner, number)
        raise


@contextlib.contextmanager
def _inside(work: weakref.ref[AppWork] | None, watcher: Any, whose: Scope | None) -> Iterator[None]:
    """What is begun or logged meanwhile in this thread is the session's."""
    tokens = app_work.set(work), task_watcher.set(watcher), scope.set(whose)
    try:
        yield
    finally:
        app_work.reset(tokens[0])
        task_watcher.reset(tokens[1])
        scope.reset(tokens[2])


def _target(thread: Any) -> Any:
    """Return what a thread will run: its function, or its class if that says it by itself."""
    if isinstance(thread, threading.Timer):
        return thread.function
    if type(thread).run is not threading.Thread.run:
        return type(thread)
    return getattr(thread, "_target", None)


def _shared(thread: Any) -> bool:
    """Whether it works for anybody, a pool's or one of this package: its session's work is seen otherwise."""
    target = getattr(thread, "_target", None)
    return target is pools._worker or getattr(target, "__module__", "").startswith(_OURS)  # noqa: SLF001
