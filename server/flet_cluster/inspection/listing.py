"""A list of sessions as an operator asks for it: so many that fit (layer 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from flet_cluster.errors import AmbiguousNode, NoSuchNode, SettingsError
from flet_cluster.inspection.facts import SessionFacts, SessionPage, State

if TYPE_CHECKING:
    from flet_cluster.inspection.inspector import Inspector

_LOOKED_AT = 1000
"""Sessions that are looked at in one go at most: many more would keep the store's other callers waiting."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        node: only those that it holds; how its id begins, "" for any.
        limit: about how many.
        cursor: where the list before ended.
    """

    node: str = ""
    state: State | None = None
    limit: int = 100
    cursor: str = ""

    @classmethod
    def of(cls, node: str, state: str, limit: int, cursor: str) -> Self:
        """Read an operator's words. Raises SettingsError."""
        try:
            found = State(state) if state else None
        except ValueError:
            known = ", ".join(State)
            raise SettingsError(f"There is no state {state!r}: choose one of {known}.") from None
        return cls(node, found, limit, cursor)

    async def read(self, inspector: Inspector) -> SessionPage:
        """Read until there are enough, or no more.

        Raises:
            NoSuchNode, AmbiguousNode: no node, or several, begin so.
            SettingsError: the cursor is none.
        """
        node = await find_node(inspector, self.node) if self.node else ""
        step = min(self.limit, _LOOKED_AT)
        found, cursor = list[SessionFacts](), self.cursor
        while True:
            try:
                page = await inspector.sessions(cursor, step, node=node, state=self.state)
            except ValueError:
                raise SettingsError(
                    f"{cursor!r} is no cursor: take what the list before ended with."
                ) from None
            found += page.sessions
            cursor, left = page.cursor, self.limit - len(found)
            if not cursor or left <= 0:
                return SessionPage(tuple(found), cursor, page.now)
            step = min(left * step // max(1, len(page.sessions)) + 1, _LOOKED_AT)  # as many fit as just now


async def find_node(inspector: Inspector, prefix: str) -> str:
    """Return the id of the node that begins so.

    Raises:
        NoSuchNode, AmbiguousNode: none does, or several; or nothing is given, which is no beginning.
    """
    if not prefix:
        raise AmbiguousNode("Which node? Give its id, or how it begins.")
    ids = [node.node_id for node in await inspector.nodes() if node.node_id.startswith(prefix)]
    if prefix in ids:
        return prefix
    if not ids:
        raise NoSuchNode(f"There is no node {prefix!r}.")
    if len(ids) > 1:
        raise AmbiguousNode(f"Several nodes begin with {prefix!r}: give more of the id.")
    return ids[0]
