"""Tells an app that its session goes on under changed code (layer 3; imports no Flet).

What an app registers with :func:`on_upgrade` is part of the session, and so is the news until its handler
has begun.
"""

from __future__ import annotations

import inspect
import logging
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flet_cluster.host.inputs import Input
from flet_cluster.model import MainState

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.host.live import LiveSession

logger = logging.getLogger("flet_cluster.host")

_HANDLER = "_flet_cluster_on_upgrade"
_NEWS = "_flet_cluster_upgraded"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What became of a session when the app's code changed under it.

    Attributes:
        restarted: ``main`` ran afresh, with ``page.session.store``, route and sign-in kept; else the session
            went on as it was, since nothing it refers to had changed.
        dropped: keys of the store whose values the new code could not take over.
        old_version: fingerprint of the code before.
        new_version: fingerprint of the code now.
    """

    restarted: bool
    dropped: tuple[str, ...] = ()
    old_version: str = ""
    new_version: str = ""


def on_upgrade(page: Any, handler: Callable[[Upgrade], Any]) -> None:
    """Have ``handler`` called when this session goes on under changed code; sync or async.

    Call it in ``main``. It is called after ``main`` has ended, once for each change, and the page is updated
    afterwards. Outside of flet-cluster nothing happens.
    """
    session = page.session
    setattr(session, _HANDLER, handler)
    live = getattr(session, "live", None)
    if live is not None:
        say(live)


def note(live: LiveSession, upgrade: Upgrade) -> None:
    """Remember that the session goes on under changed code, and tell the app as soon as it wants to know."""
    setattr(live.session, _NEWS, upgrade)
    say(live)


def say(live: LiveSession) -> None:
    """Queue the news, if there are any and ``main`` has ended; from any thread."""
    session = live.session
    ready = live.main is MainState.DONE and getattr(session, _HANDLER, None) is not None
    if ready and getattr(session, _NEWS, None) is not None:
        news = Input("upgrade", 0, getattr(session, _HANDLER))
        live.host.loop.call_soon_threadsafe(live.inputs.queue, news)


async def tell(live: LiveSession, handler: Callable[[Upgrade], Any]) -> None:
    """Call the app's handler, unless it was called meanwhile."""
    session = live.session
    upgrade = getattr(session, _NEWS, None)
    if upgrade is None:
        return
    setattr(session, _NEWS, None)
    try:
        result = handler(upgrade)
        if inspect.isawaitable(result):
            await result
    except Exception as error:
        logger.exception("session %s: the on_upgrade handler failed", live.id)
        session.error(f"{error}\n{traceback.format_exc()}")
    else:
        await session.after_event(live.page)
