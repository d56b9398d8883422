"""Work that an app sets going by itself: threads, jobs of executors, timers (layer 3; imports no Flet).

``threading.Thread``, ``ThreadPoolExecutor.submit`` and ``loop.call_later`` leave nothing to start the work
again from, as ``asyncio.create_task`` does. So its session stays where it is until it has ended. A library's
own threads and timers are not the app's work: they serve anybody, and may be there for ever.
"""

from __future__ import annotations

import contextvars
import functools
import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    import weakref
    from collections.abc import Callable

    CallSoon = Callable[..., Any]

app_work: contextvars.ContextVar[weakref.ReferenceType[AppWork] | None] = contextvars.ContextVar(
    "app_work", default=None
)
"""That of the session whose code runs in this context. Weak: an endless thread may hold its context."""


class AppWork:
    """What one session's code has set going and what has not ended.

    Args:
        is_app: says of a module's name whether it is the app's.
        call_soon: calls a function on the loop; callable from any thread.
        ended: called on the loop when something has ended, and what it did may be in no commit.
        threaded: whether sync handlers run in threads; else all of the session's code is on the loop.

    Attributes:
        unseen: something was done since the last picture that shows all of it.
    """

    __slots__ = (
        *("__weakref__", "_call_soon", "_ended", "_others", "_running", "_stopped"),
        *("is_app", "threaded", "unseen"),
    )

    def __init__(
        self,
        is_app: Callable[[str], bool],
        call_soon: CallSoon,
        ended: Callable[[], None],
        *,
        threaded: bool = True,
    ) -> None:
        self.is_app = is_app
        self.threaded = threaded
        self._call_soon = call_soon
        self._ended = ended
        self._running: dict[int, tuple[str, Callable[[], object] | None]] = {}
        self._others: tuple[threading.Thread, ...] = ()
        self._stopped = False
        self.unseen = False

    def begin(self, what: str, cancel: Callable[[], object] | None = None) -> int:
        """Note work that begins; callable from any thread.

        Args:
            what: which, for people.
            cancel: has it not begin, if it has not; called when the session leaves all the same.

        Returns:
            What :meth:`over` must be told.
        """
        number = next(_numbers)
        self._running[number] = (what, cancel)
        self.unseen = True
        return number

    def over(self, number: int) -> None:
        """Work has ended; callable from any thread. It counts until the loop has learnt of that.

        Else the session might leave before what was done in the end is committed.
        """
        try:
            self._call_soon(self.over_here, number)
        except RuntimeError:  # the loop is closed, and nobody is interested any more
            self._running.pop(number, None)

    def over_here(self, number: int, *, quietly: bool = False) -> None:
        """On the loop: work has ended.

        Args:
            number: which.
            quietly: what it has done need not be committed now, if there is other work: one of many ticks.
        """
        if self._running.pop(number, None) is None or self._stopped:
            return
        if not (quietly and self._running):
            self._ended()

    def accompany(self, thread: threading.Thread) -> None:
        """Note a thread of a library that the session's code has called; callable from any thread."""
        self._others = (*(other for other in self._others if other.is_alive()), thread)
        self.unseen = True

    @property
    def busy(self) -> bool:
        """Whether work of the app has not ended."""
        return bool(self._running) and not self._stopped

    @property
    def may_touch_objects(self) -> bool:
        """Whether anything runs that may hold objects of the session, a library's threads included."""
        return self.busy or any(thread.is_alive() for thread in self._others)

    @property
    def names(self) -> list[str]:
        """What has not ended, for people."""
        return [] if self._stopped else [what for what, _ in tuple(self._running.values())]

    def stop(self) -> None:
        """From here on nothing counts: the session ends for good, and what runs ends as in Flet."""
        self._stopped = True

    def drop(self) -> list[str]:
        """The session leaves this node: have nothing begin any more. Returns what is lost by that."""
        lost = self.names
        if not self._stopped:
            self._stopped = True
            for _, cancel in tuple(self._running.values()):
                if cancel is not None:
                    cancel()
        self._running.clear()
        return lost

    def is_own(self, function: Any, caller: str) -> bool:
        """Whether work is the app's: it is its function, or its own line has set it going."""
        return self.is_app(caller) or self.is_app(home(function))


_numbers = itertools.count(1)


def here(context: contextvars.Context | None = None) -> AppWork | None:
    """Return the work of the session whose code runs in a context, by default the caller's."""
    reference = app_work.get() if context is None else context.get(app_work)
    return reference() if reference is not None else None


def over(owner: weakref.ref[AppWork], number: int) -> None:
    """Say that work has ended, if its session is still there; from any thread."""
    work = owner()
    if work is not None:
        work.over(number)


def home(function: Any) -> str:
    """Return the module that a callable is of."""
    function = plain(function)
    return getattr(function, "__module__", None) or type(function).__module__


def named(function: Any) -> str:
    """Name a callable for people."""
    function = plain(function)
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def plain(function: Any) -> Any:
    """Return the function in a partial or a bound method."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__func__", function)
