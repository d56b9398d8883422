"""Says what was cut short with the node that had a session before (layer 3).

What had started and not finished is in the record. It is never run again (I3); it is logged, counted, and
reported to the app if that asked for it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flet_cluster.host.inputs import Started
from flet_cluster.model import MainState

if TYPE_CHECKING:
    from flet_cluster.host.live import LiveSession
    from flet_cluster.model import Commit
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")


def report(seat: Seat, live: LiveSession, commit: Commit) -> None:
    """Report what the record of a session that was just rebuilt says.

    Raises:
        SealBroken: it does not verify.
    """
    entries = seat.node.vault.running(seat.id, commit)
    cut_short = [entry for entry in entries if entry.key]
    for entry in cut_short:
        logger.warning("session %s: %s was interrupted (key %s)", seat.id, entry.what, entry.key)
        seat.diary.note("interrupted", entry.what)
        seat.node.observer.count("interrupted", what="handler")
    if commit.main is MainState.RUNNING:
        logger.warning("session %s: main was interrupted", seat.id)
        seat.diary.note("interrupted", "main")
        seat.node.observer.count("interrupted", what="main")
        live.main = MainState.DONE
        cut_short.append(Started(0, f"{seat.id}:main", "main"))
    if seat.seized:  # else the node that let it go has said so
        for entry in entries:
            if not entry.key:
                logger.warning("session %s: %s was lost with its node", seat.id, entry.what)
                seat.node.observer.count("tasks_lost")
    live.hooks.note(seat.id, cut_short)
    if entries or cut_short:
        seat.changed(urgent=True)  # from the next commit on the record says so no more
