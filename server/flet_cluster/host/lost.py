"""Tasks, threads and timers that an app made by itself, as they look after a move (layer 3; imports no Flet).

``asyncio.create_task`` leaves nothing to make the task again from. Where a session refers to one that still
runs, it finds a :class:`LostTask` on the next node: cancelled, and known by its name. Its threads have ended
there, its timers are over. The loss itself was logged where it happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import threading
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable
from flet_cluster.host import app_threads, app_timers
from flet_cluster.host.starters import RestartedTask, call_behind, restarted
from flet_cluster.snapshot import wait_types
from flet_cluster.snapshot.wait_types import done_asyncio_future

if TYPE_CHECKING:
    from flet_cluster.snapshot import Portables


class LostTask(asyncio.Future[Any]):
    """A task that ended with its node."""

    def __init__(self, name: str) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._name = name
        self.cancel()

    def get_name(self) -> str:
        """Return the task's name."""
        return self._name

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel on as what it is."""
        return (LostTask, (self._name,))


def _reduce_restarted(task: RestartedTask) -> Any:
    return task.__reduce__() if not task.done() else _outcome(task)


def _reduce_task(task: asyncio.Task[Any]) -> Any:
    """A finished task keeps its outcome; a running one is started again or becomes a lost one."""
    call = call_behind(task)
    if call is not None and not task.done():
        return restarted, (call, task.get_name())
    if not task.done():
        return LostTask, (task.get_name(),)
    return _outcome(task)


def _outcome(task: asyncio.Future[Any]) -> Any:
    """Reduce a finished task."""
    if task.cancelled():
        return done_asyncio_future, (task.get_loop(), "cancelled", None)
    error = task.exception()
    outcome = ("result", task.result()) if error is None else ("error", error)
    return done_asyncio_future, (task.get_loop(), *outcome)


def _reduce_thread(thread: threading.Thread) -> Any:
    if app_threads.is_own(thread):
        return wait_types.finished_thread, (thread.name,)
    return wait_types.reduce_thread(thread)


def _reduce_timer(timer: threading.Timer) -> Any:
    if app_threads.is_own(timer) or (timer.ident is not None and not timer.is_alive()):
        return wait_types.finished_timer, (timer.name,)
    return wait_types.reduce_thread(timer)


def _reduce_handle(handle: asyncio.TimerHandle) -> Any:
    over = handle.cancelled() or handle.when() <= asyncio.get_running_loop().time()
    if not (over or app_timers.is_own(handle)):
        raise NotPortable("", "a timer of the event loop cannot travel before it was due")
    return _past_timer, ()


def _past_timer() -> asyncio.TimerHandle:
    """Return the handle of a timer that is over."""
    handle = asyncio.get_running_loop().call_later(0, int)
    handle.cancel()
    return handle


def _handle_types() -> list[type]:
    """Return what ``call_later`` of the loops that there may be returns."""
    types: list[type] = [asyncio.TimerHandle]
    with contextlib.suppress(ImportError):
        types.append(importlib.import_module("uvloop.loop").TimerHandle)
    return types


def register(portables: Portables) -> None:
    """Let running tasks travel as lost ones, and what else of a session's own runs or is due."""
    portables.register(threading.Thread, _reduce_thread)
    portables.register(threading.Timer, _reduce_timer)
    for handles in _handle_types():
        portables.register(handles, _reduce_handle)
    portables.register(LostTask, LostTask.__reduce__)
    portables.register(RestartedTask, _reduce_restarted)
    portables.register(asyncio.Task, _reduce_task, subclasses=True)
