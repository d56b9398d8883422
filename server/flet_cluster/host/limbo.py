"""Objects of a session that the node has let go of, and the app perhaps has not (layer 3).

A quiet session is rebuilt from its record when it is needed again. But apps keep pages and controls in places
that no record knows: a module's list of all pages, a thread or a timer that updates a clock. To end them
would break what works in stock Flet. So they are only let go of: what nobody else holds the garbage collector
takes. While somebody holds a page or a control of the session, all of it stays whole, and is taken back as
it is.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flet_cluster.host.live import LiveSession

_MARK = "_flet_cluster_limbo"


class _Keeper:
    """Held by objects of a session, it holds the session: who has one of them has all. Travels as nothing."""

    __slots__ = ("lives",)

    def __init__(self) -> None:
        self.lives: set[LiveSession] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        """Others may still hold the object when their own session travels."""
        return (_Keeper, ())


class Limbo:
    """One session that was let go of.

    Args:
        live: at rest, and all of it in the record. The caller keeps no other reference to it.
    """

    __slots__ = ("_live",)

    def __init__(self, live: LiveSession) -> None:
        self._live = weakref.ref(live)
        for holder in _holders(live):
            holder.setdefault(_MARK, _Keeper()).lives.add(live)

    @property
    def empty(self) -> bool:
        """Whether the objects are gone."""
        return self._live() is None

    def recall(self) -> LiveSession | None:
        """Take the objects back; None if they are gone."""
        live = self._live()
        if live is not None:
            for holder in _holders(live):
                keeper = holder.get(_MARK)
                if keeper is not None:
                    keeper.lives.discard(live)
                    if not keeper.lives:
                        del holder[_MARK]
        return live


def _holders(live: LiveSession) -> Iterator[dict[str, Any]]:
    """Yield the namespaces of what others may hold of a session."""
    yield vars(live.page)
    for control in tuple(live.session.index.values()):
        yield vars(control)
