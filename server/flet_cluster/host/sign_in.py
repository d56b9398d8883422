"""``page.login`` in hosted sessions (layer 3: may import Flet).

Flet's own flow runs as it is, up to where it fires ``on_login``: it does so in a bare task, which would run
sync handlers on the loop and be lost with the node. Here that event is part of the session's state until its
handler has begun, and an input like others then.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flet.controls.page import Page

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flet_cluster.host.live import LiveSession

logger = logging.getLogger("flet_cluster.host")

_EVENTS = frozenset({"login", "logout"})
NO_REASON = "The sign-in could not be completed"
"""The error of a sign-in whose failure has no text of its own, such as a provider that does not answer."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that the app has begun: to be remembered before its user may leave for the provider.

    Attributes:
        state: what the provider will bring back.
        page_html: what the callback shows; "" for the usual.
        page_url: where the callback leads; "" for nowhere.
    """

    state: str
    page_html: str = ""
    page_url: str = ""


@dataclass(slots=True, eq=False)
class OwnEvent:
    """An event that Flet itself fires, until its handler begins; travels with the session.

    Attributes:
        key: an idempotency key: the same on every node.
    """

    name: str
    event: Any
    key: str = field(default_factory=lambda: secrets.token_urlsafe(9))


async def finish(live: LiveSession, body: dict[str, Any]) -> None:
    """The user has come back from the provider: let Flet finish the sign-in.

    Args:
        live: the session that began it.
        body: ``state`` and ``code``, or ``error`` and perhaps ``error_description``.
    """
    page = live.page
    if getattr(page.auth, "state", None) != body["state"]:
        logger.info("session %s: a sign-in ended that the app has given up", live.id)
        return
    await page._authorize_callback(body)  # noqa: SLF001 - Flet's entry for its own server, listed in internals
    for own in live.own_events:
        if own.name == "login" and own.event.error == "":
            own.event.error = NO_REASON


async def dispatch(live: LiveSession, own: OwnEvent) -> None:
    """Call the app's handler, as Flet's ``dispatch_event`` does for events of the client."""
    try:
        await _stock(live.page, own.name, None, own.event)
    except Exception as error:
        logger.exception("session %s: on_%s failed", live.id, own.name)
        live.session.error(f"{error}\n{traceback.format_exc()}")


_stock = Page._trigger_event  # noqa: SLF001 - Flet's own, listed in internals


def install() -> None:
    """Let hosted sessions see the events that their page fires itself. Idempotent."""

    def _trigger_event(
        self: Page, event_name: str, event_data: Any, e: Any = None
    ) -> Coroutine[Any, Any, None]:
        """Dispatch an event to its handler; see ``flet.BaseControl._trigger_event``."""
        live = getattr(self.session, "live", None) if e is not None and event_name in _EVENTS else None
        if live is None:
            return _stock(self, event_name, event_data, e)
        live.own_event(OwnEvent(event_name, e))
        return _nothing()

    Page._trigger_event = _trigger_event  # type: ignore[method-assign,assignment]  # noqa: SLF001 - as above


async def _nothing() -> None:
    """Stand for a dispatch that the session does in its turn."""
