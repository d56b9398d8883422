"""Timers that an app sets on the loop: ``call_later``, ``call_at`` (layer 3; imports no Flet).

Only its own: ``asyncio.sleep`` and timeouts are timers too, and belong to tasks that are watched already.
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any

from flet_cluster.host.app_work import here, named, over

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import Callable

    from flet_cluster.host.app_work import AppWork


class AppTimer:
    """A timer's callback. Nothing but the loop's handle holds it, and a cancelled handle lets it go."""

    __slots__ = ("__dict__", "__weakref__", "_callback", "_number", "_work")

    def __init__(self, callback: Callable[..., object], work: AppWork) -> None:
        functools.update_wrapper(self, callback, assigned=("__module__", "__name__", "__qualname__"))
        self._callback: Callable[..., object] | None = callback
        self._work = weakref.ref(work)
        reference = weakref.ref(self, lambda _: over(owner, number))  # cancelled
        owner, number = self._work, work.begin(f"timer ({named(callback)})", lambda: _forget(reference))
        self._number = number

    def __call__(self, *args: Any) -> None:
        """It is due."""
        callback = self._callback
        self.forget()
        if callback is None:
            return
        try:
            callback(*args)
        except (SystemExit, KeyboardInterrupt) as error:  # asyncio would let it out of the loop (I9)
            raise RuntimeError(f"a timer of a session cannot end the process: {error!r}") from error
        finally:
            work = self._work()
            if work is not None:
                work.over_here(self._number, quietly=True)

    def forget(self) -> None:
        """Call nothing when it is due, and hold nothing."""
        self._callback = None
        self.__dict__.clear()


def _forget(reference: weakref.ref[AppTimer]) -> None:
    timer = reference()
    if timer is not None:
        timer.forget()


_own: weakref.WeakSet[asyncio.TimerHandle] = weakref.WeakSet()


def is_own(handle: asyncio.TimerHandle) -> bool:
    """Whether a session's code has set a timer: no library waits for it."""
    return handle in _own


def note(handle: Any, callback: Any) -> None:
    """Remember whose timer a handle is."""
    if isinstance(callback, AppTimer):
        _own.add(handle)


def watched(callback: Any, context: contextvars.Context | None, caller: str) -> Any:
    """Return what to schedule instead of a timer's callback.

    Args:
        callback: what the timer was made with.
        context: where it is to run; None for the caller's.
        caller: the module that makes it.
    """
    work = here(context)
    if work is None or isinstance(callback, AppTimer) or not work.is_own(callback, caller):
        return callback
    return AppTimer(callback, work)
