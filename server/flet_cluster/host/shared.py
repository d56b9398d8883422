"""What sessions share by way of the app's modules (layer 3; imports no Flet).

A snapshot holds by value what a session refers to. In the process that it comes from, much of that may still
be there: the room of a module's dict in which several sessions meet. So a session that sleeps where it was
leaves a second snapshot in memory, which refers to these objects instead, and wakes with the very same ones.
Elsewhere there are none, and it wakes with copies.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flet_cluster.errors import GraphChanged, NotPortable, SnapshotError
from flet_cluster.snapshot import Held, by_value, held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flet_cluster.host.environment import HostEnvironment
    from flet_cluster.host.live import LiveSession

PAUSE: Final = 20
"""A search of the app's modules is good for so many times as long as it took."""


@dataclass(frozen=True, slots=True)
class Tied:
    """A session's state, with the objects in it that are not only its own.

    Attributes:
        packed: the snapshot, compressed: most of its kind are never used.
        shared: what it refers to as an external, by name.
    """

    packed: bytes
    shared: Mapping[str, object]

    @property
    def graph(self) -> bytes:
        """The snapshot."""
        return zlib.decompress(self.packed)


class Shared:
    """What the modules of one app hold, looked at when sessions go to sleep."""

    def __init__(self, host: HostEnvironment) -> None:
        self._host = host
        self._held = Held(frozenset(), frozenset())
        self._good_until = 0.0

    def holds(self, live: LiveSession) -> bool:
        """Whether the app keeps the session's page, or something on it, where all sessions may use it."""
        return _has_part_in(live, self._look().owned)

    def holds_weakly(self, live: LiveSession) -> bool:
        """Whether the app knows the session's page, or something on it, only as long as that is there."""
        return _has_part_in(live, self._look().weak)

    def tie(self, live: LiveSession) -> Tied | None:
        """Return the state of a session at rest with what it shares; None if that is nothing."""
        plain = self._look().plain
        if not plain:
            return None
        image, externals, host = live.pictures.image(), live.externals, self._host
        try:
            found = by_value(image, host.code, host.portables, externals, plain)
            if not found:
                return None
            shared = {f"shared{number}": obj for number, obj in enumerate(found)}
            graph = live.pictures.graph({**externals, **shared})
        except (NotPortable, GraphChanged, SnapshotError):
            return None
        return Tied(zlib.compress(graph, 1), shared)

    def _look(self) -> Held:
        """Search, unless that was done a moment ago."""
        began = time.perf_counter()
        if began >= self._good_until:
            self._held = held(self._host.code, self._host.portables)
            now = time.perf_counter()
            self._good_until = now + PAUSE * (now - began)
        return self._held


def _has_part_in(live: LiveSession, identities: frozenset[int]) -> bool:
    if not identities:
        return False
    parts = (live.session, live.page, *live.session.index.values())
    return not identities.isdisjoint(map(id, parts))
