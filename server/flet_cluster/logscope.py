"""Whose work it is that code does: for log lines (layer 0: imports the standard library only).

A session's code runs in contexts that say so, in threads as well; see ``host.live`` and ``host.app_threads``.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple


class Scope(NamedTuple):
    """A session and its node, by their ids. A session's id opens nothing: its token does, which is signed."""

    session: str
    node: str


scope: ContextVar[Scope | None] = ContextVar("flet_cluster_scope", default=None)
"""That of the session whose work is being done in this context."""

nodes: set[str] = set()
"""Ids of the nodes that run in this process."""


def here() -> Scope:
    """Return whose work is being done; of what is no session's the node is known if there is but one."""
    found = scope.get()
    if found is None:
        found = Scope("", next(iter(nodes.copy())) if len(nodes) == 1 else "")
    return found
