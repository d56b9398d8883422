"""Threads that an app starts by itself, with ``threading.Thread`` or ``Timer`` (layer 3; imports no Flet).

Nothing is recorded of them, and no record shows what they have done: a session's objects stay while one runs.
"""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import thread as pools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import weakref

_OURS = "flet_cluster."

app_threads: contextvars.ContextVar[weakref.ReferenceType[AppThreads] | None] = contextvars.ContextVar(
    "app_threads", default=None
)
"""Those of the session whose code runs in this context."""


class AppThreads:
    """The threads of one session.

    Attributes:
        unseen: one was started since the last picture that shows all of what they did.
    """

    __slots__ = ("__weakref__", "_threads", "unseen")

    def __init__(self) -> None:
        self._threads: tuple[threading.Thread, ...] = ()
        self.unseen = False

    def add(self, thread: threading.Thread) -> None:
        """Note a thread that has started; callable from any thread."""
        self._threads = (*(other for other in self._threads if other.is_alive()), thread)
        self.unseen = True

    @property
    def running(self) -> bool:
        """Whether one runs."""
        return any(thread.is_alive() for thread in self._threads)


def install() -> None:
    """Note threads that are started from now on in contexts that set :data:`app_threads`. Idempotent."""
    stock = threading.Thread.start
    if getattr(stock, "_flet_cluster", False):
        return

    def start(self: threading.Thread) -> None:
        """Start the thread; see ``threading.Thread.start``."""
        stock(self)
        reference = app_threads.get()
        threads = reference() if reference is not None else None
        if threads is not None and not _shared(self):
            threads.add(self)

    start._flet_cluster = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own mark
    threading.Thread.start = start  # type: ignore[method-assign]


def _shared(thread: Any) -> bool:
    """Whether it works for anybody, a pool's or one of this package: its session's work is seen otherwise."""
    target = getattr(thread, "_target", None)
    return target is pools._worker or getattr(target, "__module__", "").startswith(_OURS)  # noqa: SLF001
