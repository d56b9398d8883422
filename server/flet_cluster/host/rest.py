"""Whether a session is at rest, so that it may leave this node or its memory (layer 3; imports no Flet)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flet_cluster.model import MainState

if TYPE_CHECKING:
    from flet_cluster.host.live import LiveSession

SOON_SECONDS = 0.5
"""What has run for longer will not be over soon either."""


def has_lasting_work(live: LiveSession) -> bool:
    """Whether something goes on that nobody can start again, or the client is asked something."""
    return bool(live.tasks.watched) or live.work.busy or live.session.awaits_client


def held_up(live: LiveSession) -> bool:
    """Whether something that is not over soon keeps the session from leaving."""
    lasting = live.handlers.running_for > SOON_SECONDS or live.main is MainState.RUNNING
    return lasting or has_lasting_work(live) or live.background.busy


def releasable(live: LiveSession) -> bool:
    """Whether another node may have the session now without anything being cut short."""
    return (
        live.lane.empty
        and not live.inputs.inbox
        and live.messages.idle
        and not live.handlers.tasks
        and not has_lasting_work(live)
        and not live.background.busy
        and live.main is not MainState.RUNNING
    )


def dormant(live: LiveSession) -> bool:
    """Whether nothing runs, nobody is asked anything, and nothing waits for a commit or a turn."""
    inputs = live.inputs
    waits = not live.output.empty or inputs.own_events or not live.tasks.none or live.background.calls
    busy = waits or inputs.progress.running or live.handlers.starting or live.preparing
    if busy or live.output.muted or not live.registered or not releasable(live) or live.lane.waited_for:
        return False
    return not live.session.has_pending_render


async def until_releasable(live: LiveSession, patience: float) -> None:
    """Wait until nothing of the session runs, at most ``patience`` seconds."""
    deadline = live.host.loop.time() + patience
    while not releasable(live) and live.host.loop.time() < deadline:
        if not await live.tasks.some_ended(0.05):
            await asyncio.sleep(0.01)
