"""Threads that an app starts by itself, and calls that it gives to a pool (layer 3; imports no Flet).

Nothing is recorded of ``threading.Thread``, ``Timer`` and ``ThreadPoolExecutor.submit``, and nothing could
start them again: like a task of the app's own, such work keeps its session where it is while it runs. Threads
of libraries are of no concern, since they serve whoever comes, and neither is one that knows nothing of the
session that happened to start it: a function of a module, without arguments.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import sys
import threading
import types
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import thread as pools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    Reference = weakref.ReferenceType["AppThreads"]

_OURS = "flet_cluster."

app_threads: contextvars.ContextVar[Reference | None] = contextvars.ContextVar("app_threads", default=None)
"""Those of the session whose code runs in this context."""


class AppThreads:
    """What of one session's code runs in threads of its own.

    Args:
        loop: the session's.
        is_app: whether a module's name is one of the app's.
        ended: called on the loop after something has ended, when it is counted no more.

    Attributes:
        unseen: something was started since the last picture that shows all of what it did.
    """

    __slots__ = ("__weakref__", "_ended", "_loop", "_work", "is_app", "unseen")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, is_app: Callable[[str], bool], ended: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._ended = weakref.WeakMethod(ended)
        self._work: dict[object, str] = {}
        self.is_app = is_app
        self.unseen = False

    def began(self, work: object, what: str) -> None:
        """Note a thread or a call, just before it starts; callable from any thread."""
        self._work[work] = what
        self.unseen = True

    def ended(self, work: object) -> None:
        """Note its end; callable from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended first
            self._loop.call_soon_threadsafe(self._forget, work)

    def _forget(self, work: object) -> None:
        """On the loop: what it did is to be saved before the session may leave."""
        self._work.pop(work, None)
        ended = self._ended()
        if ended is not None:
            ended()

    @property
    def running(self) -> bool:
        """Whether something runs."""
        return bool(self._work)

    @property
    def described(self) -> list[str]:
        """What runs, for people."""
        return list(self._work.values())


def install() -> None:
    """Note what is started from now on in contexts that set :data:`app_threads`. Idempotent."""
    stock_start, stock_submit = threading.Thread.start, ThreadPoolExecutor.submit
    if getattr(stock_start, "_flet_cluster", False):
        return

    def start(self: threading.Thread) -> None:
        """Start the thread; see ``threading.Thread.start``."""
        threads = _here()
        if threads is None or self.ident is not None or not _concerns(self, threads, sys._getframe(1)):  # noqa: SLF001
            stock_start(self)
            return
        _watch(self, threads)
        try:
            stock_start(self)
        except BaseException:
            vars(self).pop("run", None)
            threads.ended(self)
            raise

    def submit(self: ThreadPoolExecutor, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Give a call to the pool; see ``ThreadPoolExecutor.submit``."""
        future = stock_submit(self, fn, *args, **kwargs)
        threads = _here()
        if threads is not None and _is_of(threads, (fn, *args, *kwargs.values()), sys._getframe(1)):  # noqa: SLF001
            threads.began(future, f"call of {_named(fn)} in a pool")
            future.add_done_callback(threads.ended)
        return future

    start._flet_cluster = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own mark
    threading.Thread.start = start  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = submit  # type: ignore[method-assign,assignment]


def _here() -> AppThreads | None:
    """Return those of the session whose code runs here."""
    reference = app_threads.get()
    return reference() if reference is not None else None


def _watch(thread: Any, threads: AppThreads) -> None:
    """Note a thread, and its end. What it starts itself is its session's, too."""
    reference, run = weakref.ref(threads), thread.run

    def watched() -> None:
        """In the thread."""
        app_threads.set(reference)
        try:
            run()
        finally:
            vars(thread).pop("run", None)
            found = reference()
            if found is not None:
                found.ended(thread)

    target = getattr(thread, "function", None) or thread._target  # noqa: SLF001 - nothing public tells
    threads.began(thread, f"thread {thread.name} ({_named(target or type(thread))})")
    thread.run = watched


def _concerns(thread: Any, threads: AppThreads, caller: types.FrameType) -> bool:
    """Whether a thread may be working on the session."""
    target, args, kwargs = thread._target, thread._args, thread._kwargs  # noqa: SLF001 - nothing public tells
    if isinstance(thread, threading.Timer):
        target, args, kwargs = thread.function, thread.args, thread.kwargs
    if target is pools._worker or getattr(target, "__module__", "").startswith(_OURS):  # noqa: SLF001
        return False  # works for anybody: a pool's, whose calls are noted, or one of this package
    own_class = threads.is_app(type(thread).__module__)
    alone = isinstance(target, types.FunctionType) and target.__closure__ is None and not args and not kwargs
    if alone and not own_class:
        return False
    return own_class or _is_of(threads, (target, *args, *kwargs.values()), caller)


def _is_of(threads: AppThreads, parts: tuple[Any, ...], caller: types.FrameType) -> bool:
    """Whether the app has started this, or had a library start something of its own."""
    modules = (caller.f_globals.get("__name__", ""), *map(_module, parts))
    return any(isinstance(name, str) and threads.is_app(name) for name in modules)


def _module(part: Any) -> Any:
    """Return the name of the module that a function, a coroutine or an object comes from."""
    if isinstance(part, types.CoroutineType):
        return part.cr_frame.f_globals.get("__name__", "") if part.cr_frame is not None else ""
    if isinstance(part, functools.partial):
        return _module(part.func)
    return getattr(part, "__module__", "")


def _named(function: Any) -> str:
    """Name a function, for people."""
    if isinstance(function, functools.partial):
        return _named(function.func)
    return str(getattr(function, "__qualname__", type(function).__name__))
