"""A session's life as spans of time at its nodes (layer 4: pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flet_cluster.inspection import LifeEvent

_LETS_GO = frozenset({"released", "ended"})
"""What ends a session's time at a node, without another node that takes it."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A session's time at one node.

    Attributes:
        node: "" while it was at none: asleep in the store.
        begin, end: seconds since the Unix epoch.
    """

    node: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it was there."""
        return self.end - self.begin


def stays(events: Sequence[LifeEvent], until: float) -> list[Stay]:
    """Return where a session was, in order of time and without gaps.

    Args:
        events: of its life, oldest first.
        until: when the last stay ends: now, or the session's end.
    """
    found: list[Stay] = []
    ends = [*(event.at for event in events[1:]), until]
    for event, after in zip(events, ends, strict=False):
        node = "" if event.kind in _LETS_GO else event.node
        end = max(after, event.at)
        if found and found[-1].node == node:
            found[-1] = Stay(node, found[-1].begin, end)
        else:
            found.append(Stay(node, event.at, end))
    return [stay for stay in found if stay.seconds > 0]
