"""What an app asked to be told of: its session was rebuilt, a handler cut short (layer 3: may import Flet).

Hooks belong to the session and travel with it. A report of an interruption is part of the session's state
from the first commit on the node that found it until its handler begins, and the beginning is committed like
that of any event: so it is made once, whichever nodes die meanwhile.
"""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flet.controls import base_control
from flet.controls.context import context as flet_context

from flet_cluster.host import startup
from flet_cluster.host.inputs import Input

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flet_cluster.host.inputs import Started
    from flet_cluster.host.live import LiveSession

logger = logging.getLogger("flet_cluster.host")

Handler = Callable[..., Any]
_parameters: Callable[[Any], int | None] = base_control.get_param_count  # type: ignore[attr-defined]
"""As for handlers of events: None where there is no way to know."""

MOST_HOOKS = 100
"""How many handlers of a kind a session may have: an app that adds one with each click has a leak (I7)."""
_REPORT = "/interrupted"
"""In the key of a report: one that is itself cut short is logged, not reported again without end."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A handler, or ``main``, that was cut short with its node. It is not run again.

    Attributes:
        key: the ``key`` that ``current_event()`` had in it.
        name: what it was: ``Button(12).on_click``, ``main``.
    """

    key: str
    name: str


@dataclass(slots=True, eq=False)
class Report:
    """An interruption that one handler has not begun to hear of."""

    handler: Handler
    interrupted: Interrupted
    key: str


@dataclass(slots=True)
class Hooks:
    """The hooks of one session."""

    restore: list[Handler] = field(default_factory=list)
    interrupted: list[Handler] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def note(self, session_id: str, cut_short: list[Started]) -> None:
        """Make a report for each handler that asked for it."""
        for entry in cut_short:
            if _REPORT in entry.key:
                continue
            key = entry.key.removeprefix(f"{session_id}:") + _REPORT
            self.reports += [
                Report(handler, Interrupted(entry.key, entry.what), f"{key}{index}")
                for index, handler in enumerate(self.interrupted)
            ]


def on_restore(page: Any, handler: Handler) -> None:
    """Have ``handler`` called whenever the session's objects were rebuilt from a snapshot.

    That is: on another node, or on the same after the session had slept. It runs before other events of the
    session, and in its context, like an event handler; the page is updated afterwards.

    Args:
        page: the session's page.
        handler: a function, sync or async, that takes nothing or the page. It travels with the session:
            register it once, in ``main``. Registering it again changes nothing.

    Under Flet's own server nothing happens: sessions are never rebuilt there.

    Raises:
        TypeError: ``handler`` cannot be called so.
        ValueError: the session has too many.
        RuntimeError: the session is no more (Flet's own error).
    """
    _add(page, "restore", handler)


def on_interrupted(page: Any, handler: Handler) -> None:
    """Have ``handler`` called once for each handler of the session that was cut short with its node.

    What was cut short does not run again: part of what it did may be in the session's state, and outside of
    it.

    Args:
        page: the session's page.
        handler: a function, sync or async, that takes nothing or an :class:`Interrupted`. It travels with the
            session: register it once, at the beginning of ``main``. Registering it again changes nothing.

    Under Flet's own server nothing happens: a session ends with its server there.

    Raises:
        TypeError: ``handler`` cannot be called so.
        ValueError: the session has too many.
        RuntimeError: the session is no more (Flet's own error).
    """
    _add(page, "interrupted", handler)


def _add(page: Any, kind: str, handler: Handler) -> None:
    name = f"flet_cluster.on_{kind}"
    if not hasattr(page, "session"):
        raise TypeError(f"{name}(page, handler): {page!r} is not a page")
    if not callable(handler) or not _fits(handler):
        raise TypeError(
            f"{name}(page, handler): {handler!r} must be a function that takes nothing or one thing"
        )
    live = getattr(page.session, "live", None)
    if live is None:
        return
    handlers: list[Handler] = getattr(live.hooks, kind)
    if handler in handlers:
        return
    if len(handlers) >= MOST_HOOKS:
        raise ValueError(f"{name}: the session has {MOST_HOOKS} handlers; register one once, in main")
    handlers.append(handler)


def _fits(handler: Handler) -> bool:
    """Whether it can be called with what :func:`_call` gives it."""
    try:
        inspect.signature(handler).bind(*(("it",) if _parameters(handler) else ()))
    except TypeError:
        return False
    except ValueError:  # a builtin that does not say
        return True
    return True


def restored(live: LiveSession) -> None:
    """Queue what is due first after a restore."""
    for handler in live.hooks.restore:
        live.inputs.queue(Input("hook", 0, Hook(handler, live.page, "on_restore"), again=True))
    for report in live.hooks.reports:
        hook = Hook(report.handler, report.interrupted, "on_interrupted", report)
        live.inputs.queue(Input("hook", 0, hook, key=report.key, again=True))


@dataclass(frozen=True, slots=True)
class Hook:
    """A call that is due."""

    handler: Handler
    argument: Any
    kind: str
    report: Report | None = None

    @property
    def what(self) -> str:
        """Which one, for people."""
        return f"{self.kind} handler {getattr(self.handler, '__qualname__', type(self.handler).__name__)}"

    def begins(self, live: LiveSession) -> None:
        """Its handler takes the first step."""
        if self.report is not None:
            live.hooks.reports.remove(self.report)

    def run(self, live: LiveSession) -> Coroutine[Any, Any, None]:
        """Call the handler, then update the page, as after an event."""
        return _call(live, self)


async def _call(live: LiveSession, hook: Hook) -> None:
    flet_context.reset_auto_update()  # type: ignore[no-untyped-call]  # Flet leaves it untyped
    arguments = () if _parameters(hook.handler) == 0 else (hook.argument,)
    try:
        await startup.call(live, hook.handler, arguments)
        await live.session.after_event(live.page)
    except Exception as error:
        logger.exception("session %s: an %s failed", live.id, hook.what)
        live.session.error(f"{error}\n{traceback.format_exc()}")
