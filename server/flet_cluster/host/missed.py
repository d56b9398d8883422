"""For apps: hearing of messages that are gone (layer 3; imports no Flet).

Messages of ``page.pubsub`` are kept for a while. A session that slept for longer, or whose Redis lost its
data, goes on with what there is, and is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class MissedMessages:
    """Messages may have been published in this time that this session will never hear.

    Attributes:
        since: when the session had heard everything, seconds since the Unix epoch.
        until: from when on it hears everything again.
    """

    since: float
    until: float


def on_missed_messages(page: Any, handler: Callable[[MissedMessages], Any]) -> None:
    """Call ``handler(missed)`` when messages are gone that the session of ``page`` would have heard.

    Register it in ``main``; it travels with the session. It comes in its place among the messages. It may be
    sync or async. Under stock Flet, which keeps nothing for later, this does nothing.

    Args:
        page: the session's page.
        handler: what to call; typically loads anew what the messages would have told.
    """
    live = getattr(page.session, "live", None)
    if live is not None and handler not in live.pubsub.subscriptions.missed:
        live.pubsub.subscriptions.missed.append(handler)
