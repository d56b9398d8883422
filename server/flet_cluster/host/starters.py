"""Tasks that controls start in ``did_mount`` (layer 3; imports no Flet).

``asyncio.create_task(self.tick())`` in ``did_mount`` says "as long as I am on the page". A restored control
is on the page and is not mounted again, so nobody would make that task again. But at its creation the
coroutine has not begun: its function and arguments can be read from it, and the call is recorded like one of
``page.run_task``.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import types
import weakref
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable
from flet_cluster.snapshot.stdlib_types import call_of

if TYPE_CHECKING:
    from flet_cluster.host.background import BackgroundCall

Starter = Callable[[Any, Any], "tuple[Any, Callable[[asyncio.Task[Any]], None]] | None"]

task_starter: contextvars.ContextVar[Starter | None] = contextvars.ContextVar("task_starter", default=None)
"""Set while a control is mounted. Takes a coroutine of which a task is to be made, and its context; returns
what to make it of and who is told of the task, or None: it is a task like others."""

_calls: weakref.WeakKeyDictionary[asyncio.Task[Any], BackgroundCall] = weakref.WeakKeyDictionary()


class mounting:  # noqa: N801 - a context manager
    """Tasks that are created in this context meanwhile are those of ``did_mount``."""

    __slots__ = ("_starter", "_token")

    def __init__(self, starter: Starter) -> None:
        self._starter = starter

    def __enter__(self) -> None:
        self._token = task_starter.set(self._starter)

    def __exit__(self, *_: object) -> None:
        task_starter.reset(self._token)


def read_call(coro: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]] | None:
    """Return (function, positional, keywords) of a coroutine that has not begun; None: it cannot be read."""
    if not isinstance(coro, types.CoroutineType) or inspect.getcoroutinestate(coro) != inspect.CORO_CREATED:
        return None
    try:
        return call_of(coro, coro.cr_frame)
    except NotPortable:
        return None


def note(task: asyncio.Task[Any], call: BackgroundCall) -> None:
    """Remember which call a task carries out."""
    _calls[task] = call


def call_behind(task: asyncio.Task[Any]) -> BackgroundCall | None:
    """Return the recorded call that a task carries out, if it is one."""
    return _calls.get(task)


class RestartedTask(asyncio.Future[Any]):
    """What an app holds of such a task on the next node: as a task, as far as a future can be one."""

    def __init__(self, call: BackgroundCall, name: str) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.call = call
        self._name = name
        call.future = self

    def get_name(self) -> str:
        """Return the task's name."""
        return self._name

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the call, running or not."""
        cancelled = super().cancel(msg)
        if self.call.cancel is not None:
            self.call.cancel()
        return cancelled

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel on as what it is."""
        return restarted, (self.call, self._name)


def restarted(call: BackgroundCall, name: str) -> Any:
    """Return the one handle of a call's task."""
    return call.future or RestartedTask(call, name)


def described(task: asyncio.Task[Any]) -> str:
    """Name a task and what it runs, for people."""
    coro: Any = task.get_coro()
    return f"task {task.get_name()} ({getattr(coro, '__qualname__', type(coro).__name__)})"


def named_like(wrapper: Coroutine[Any, Any, Any], coro: Any) -> Any:
    """Let a wrapper go by the name of what it wraps, in logs and debuggers."""
    for name in ("__name__", "__qualname__"):
        with contextlib.suppress(AttributeError, TypeError):
            setattr(wrapper, name, getattr(coro, name))
    return wrapper
