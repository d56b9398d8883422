"""What the demo shows of its cluster: nodes and sessions as the store knows them (layer 5)."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flet_cluster.demo.member import Phase
from flet_cluster.inspection import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from flet_cluster.demo.fleet import Fleet
    from flet_cluster.demo.member import Member
    from flet_cluster.inspection import Inspector, NodeFacts, SessionFacts

MOST = 1000
"""Sessions that are looked at."""
_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Row:
    """A node: its process, and what it says about itself, if it has said anything yet."""

    member: Member
    facts: NodeFacts | None


class Sight:
    """Reads the cluster.

    Args:
        fleet: the processes.
        inspector: reads what they have in the store.

    Attributes:
        rows: nodes, by their numbers, when they were last looked at.
        sessions: the sessions then, the newest first; at most :data:`MOST`.
    """

    def __init__(self, fleet: Fleet, inspector: Inspector) -> None:
        self._fleet = fleet
        self._inspector = inspector
        self._names: dict[str, int] = {}
        self.rows: Sequence[Row] = ()
        self.sessions: Sequence[SessionFacts] = ()

    async def look(self) -> None:
        """Look now."""
        said = {facts.pid: facts for facts in await self._inspector.nodes()}
        members = dict(sorted(self._fleet.members.items()))
        self.rows = [Row(member, said.get(member.pid)) for member in members.values()]
        for row in self.rows:
            if row.facts is not None:
                self._names[row.facts.node_id] = row.member.number
        found = (await self._inspector.sessions(limit=MOST)).sessions
        self.sessions = sorted(found, key=lambda session: session.created, reverse=True)

    def number(self, node_id: str) -> str:
        """Return what people call a node."""
        return str(self._names.get(node_id, "?")) if node_id else "-"

    async def held_by(self, member: Member) -> frozenset[str]:
        """Return ids of the sessions that a node has and whose users are there."""
        await self.look()
        ids = [row.facts.node_id for row in self.rows if row.member is member and row.facts is not None]
        return frozenset(
            session.session_id
            for session in self.sessions
            if session.owner in ids and session.state is State.CONNECTED
        )

    async def follow(self, sessions: Collection[str], what: str, say: Callable[[str], None]) -> None:
        """Wait until sessions are on nodes that stay, and say where and how long that took.

        Args:
            sessions: their ids; users are there.
            what: the beginning of what is said.
            say: is told.
        """
        if not sessions:
            say(f"{what}; nobody was on it")
            return
        clock = asyncio.get_running_loop().time
        began = clock()
        while (owners := await self._moved(sessions)).total() < len(sessions):
            if clock() - began > _PATIENCE_SECONDS:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        say(f"{what}; {_came(owners, len(sessions))} in {clock() - began:.1f} s")

    async def _moved(self, wanted: Collection[str]) -> Counter[str]:
        """Return how many of them each node has that is to stay."""
        await self.look()
        there = {row.facts.node_id for row in self.rows if row.facts and row.member.phase is Phase.SERVING}
        owners = [s.owner for s in self.sessions if s.session_id in wanted and s.owner in there]
        return Counter(self.number(owner) for owner in owners)


def _came(owners: Mapping[str, int], wanted: int) -> str:
    came = sum(owners.values())
    whole = f"{came}" if came == wanted else f"only {came} of {wanted}"
    noun = "session" if wanted == 1 else "sessions"
    return f"{whole} {noun} resumed on {listed(sorted(owners)) or 'no node'}"


def listed(names: Sequence[str]) -> str:
    """Write ``1, 2 and 3``."""
    *most, last = names or [""]
    return f"{', '.join(most)} and {last}" if most else last
