"""Which event the app's code is handling just now (layer 3; imports no Flet).

It is kept in a context variable: it holds in sync handlers (threads), in async ones, in what they call, in
the tasks they create and in ``asyncio.to_thread``. A plain thread or executor of the app's own does not have
it.
"""

from __future__ import annotations

import contextvars
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextlib import AbstractContextManager

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """What caused the code that runs to run.

    Attributes:
        key: the same each time this event is delivered, on whichever node: an idempotency key for what cannot
            be undone (payments, mails). Printable, without spaces; no two events have the same.
        name: for people: ``Button(12).on_click``, ``main``.
        redelivered: a node that died *may* have started it before, and nothing of that was saved. False: it
            was never started before, anywhere.
    """

    key: str
    name: str
    redelivered: bool = False


@dataclass(slots=True)
class _Scope:
    """An event, and how many keys were derived from its own."""

    event: Event
    derived: int = 0


_scope: contextvars.ContextVar[_Scope | None] = contextvars.ContextVar("flet_cluster_event", default=None)


def current_event() -> Event | None:
    """Return the event that is being handled.

    Also in ``main`` and in work of ``page.run_task`` and ``page.run_thread``. None where there is no event:
    outside of a session, in ``before_main``, and under Flet's own server.
    """
    scope = _scope.get()
    return None if scope is None else scope.event


def within(
    event: Event, work: Coroutine[Any, Any, T], around: AbstractContextManager[object] | None = None
) -> Coroutine[Any, Any, T]:
    """Return a coroutine that awaits ``work`` with ``event`` as the current one. Run it in its own context.

    ``around``: entered there before the work, and left after it.

    One that ends before its first step takes ``work`` with it: Python would warn that nobody awaited that.
    """
    return _within(event, _Work(work), around)


class _Work:
    """Holds a coroutine, and closes it when nobody will await it any more."""

    __slots__ = ("coro",)

    def __init__(self, coro: Coroutine[Any, Any, Any]) -> None:
        self.coro = coro

    def __del__(self) -> None:
        self.coro.close()


async def _within(event: Event, work: _Work, around: AbstractContextManager[object] | None) -> Any:
    enter(event)
    if around is None:
        return await work.coro
    with around:
        return await work.coro


def enter(event: Event) -> None:
    """Make ``event`` the current one of this context."""
    _scope.set(_Scope(event))


def derive(name: str) -> tuple[str, bool]:
    """Return (key, redelivered) for something that the current event causes and that has a life of its own.

    The same when the event is delivered again and does the same. ("", False) where there is no event.
    """
    scope = _scope.get()
    if scope is None:
        return "", False
    scope.derived += 1
    return f"{scope.event.key}/{name}{scope.derived}", scope.event.redelivered
