"""Locks, events, queues, futures: things others wait on (layer 1: imports no Flet, no I/O).

What nobody holds travels. Waiters are tasks and threads of the old process, so they do not.
"""

from __future__ import annotations

import asyncio
import asyncio.mixins
import concurrent.futures
import inspect
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flet_cluster.snapshot.portables import Reducer

_LOCK: Any = type(threading.Lock())
_RLOCK: Any = type(threading.RLock())
_WAITERS = ("_waiters", "_getters", "_putters")
_LOOP_BOUND: Any = asyncio.mixins._LoopBoundMixin  # noqa: SLF001  # the base of them all


def event_like(is_set: bool) -> threading.Event:
    """Return a new event in that state."""
    event = threading.Event()
    if is_set:
        event.set()
    return event


def done_future(kind: str, value: Any) -> concurrent.futures.Future[Any]:
    """Return a finished future: ``kind`` is result, error or cancelled."""
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()
    if kind == "cancelled":
        future.cancel()
        future.set_running_or_notify_cancel()
    elif kind == "error":
        future.set_exception(value)
    else:
        future.set_result(value)
    return future


def done_asyncio_future(loop: asyncio.AbstractEventLoop, kind: str, value: Any) -> asyncio.Future[Any]:
    """Return a finished future of ``loop``; a finished task travels as one, too."""
    future: asyncio.Future[Any] = asyncio.Future(loop=loop)
    if kind == "cancelled":
        future.cancel()
    elif kind == "error":
        future.set_exception(value)
        future.exception()  # seen already in the old process: do not complain when it is dropped
    else:
        future.set_result(value)
    return future


def finished_thread(name: str) -> threading.Thread:
    """Return a thread that has run."""
    thread = threading.Thread(target=int, name=name)
    thread.start()
    thread.join()
    return thread


def finished_timer(name: str) -> threading.Timer:
    """Return a timer that is over."""
    timer = threading.Timer(0, int)
    timer.name = name
    timer.start()
    timer.join()
    return timer


def _reduce_lock(lock: Any) -> Any:
    if lock.locked():
        raise NotPortable("", "the lock is held; a snapshot can be taken when it is free")
    return threading.Lock, ()


def _reduce_rlock(lock: Any) -> Any:
    if lock._is_owned() or not lock.acquire(blocking=False):  # noqa: SLF001  # an RLock has no other way to ask
        raise NotPortable("", "the lock is held; a snapshot can be taken when it is free")
    lock.release()
    return threading.RLock, ()


def _reduce_event(event: threading.Event) -> Any:
    return event_like, (event.is_set(),)


def _reduce_condition(condition: Any) -> Any:
    if condition._waiters:  # noqa: SLF001  # a thread waits here; nothing public says so
        raise NotPortable("", "a thread waits on this condition, and threads cannot travel")
    return threading.Condition, (condition._lock,)  # noqa: SLF001  # the lock may be shared


def _reduce_loop_bound(obj: Any) -> Any:
    state = {key: value for key, value in vars(obj).items() if key != "_loop"}
    for key in _WAITERS:
        if key in state:
            state[key] = deque() if state[key] is not None else None
    if type(obj) is asyncio.Lock:
        state["_locked"] = False  # its holder is a running task, which does not travel either
    return _bare, (type(obj),), state


def _bare(cls: Any) -> Any:
    return cls.__new__(cls)


def _outcome(future: Any) -> tuple[str, Any]:
    if future.cancelled():
        return "cancelled", None
    error = future.exception()
    return ("result", future.result()) if error is None else ("error", error)


def _reduce_future(future: concurrent.futures.Future[Any]) -> Any:
    if not future.done():
        raise NotPortable("", "the future is pending: what would complete it runs in this process only")
    return done_future, _outcome(future)


def _reduce_asyncio_future(future: asyncio.Future[Any]) -> Any:
    if not future.done():
        raise NotPortable(
            "", "it is still running; start background work with page.run_task so that it can move"
        )
    return done_asyncio_future, (future.get_loop(), *_outcome(future))


def reduce_thread(thread: threading.Thread) -> Any:
    """Let a thread travel that has ended. Raises NotPortable."""
    if thread.is_alive() or thread.ident is None or type(thread) is not threading.Thread:
        raise NotPortable(
            "", "threads cannot travel; start background work with page.run_thread so that it can move"
        )
    return finished_thread, (thread.name,)


def pool(workers: int, prefix: str, initializer: Any, arguments: tuple[Any, ...], over: bool) -> Any:
    """Return an executor with these parameters and without jobs; ``over``: one that takes none any more."""
    made = concurrent.futures.ThreadPoolExecutor(workers, prefix, initializer, arguments)
    if over:
        made.shutdown(wait=False)
    return made


def _reduce_pool(found: Any) -> Any:
    """Its jobs are the host's business: a session with one stays, and what is lost of them is said."""
    names = ("_initializer", "_initargs")
    known: Mapping[str, Any] = {name[1:]: getattr(found, name) for name in names if hasattr(found, name)}
    if not known:  # since Python 3.14 only its own function for new threads knows
        known = inspect.getclosurevars(found._create_worker_context).nonlocals  # noqa: SLF001
    start = known.get("initializer"), known.get("initargs", ())
    return pool, (found._max_workers, found._thread_name_prefix, *start, found._shutdown)  # noqa: SLF001


WAIT_TYPES: dict[type, Reducer] = {
    _LOCK: _reduce_lock,
    _RLOCK: _reduce_rlock,
    threading.Event: _reduce_event,
    threading.Condition: _reduce_condition,
    concurrent.futures.Future: _reduce_future,
    concurrent.futures.ThreadPoolExecutor: _reduce_pool,
}
"""Reducers by exact type."""

WAIT_FAMILIES: list[tuple[type, Reducer]] = [
    (_LOOP_BOUND, _reduce_loop_bound),
    (asyncio.Future, _reduce_asyncio_future),
    (threading.Thread, reduce_thread),
]
"""Reducers for a type and its subclasses. (``asyncio.Task`` is a subclass of ``asyncio.Future``.)"""
