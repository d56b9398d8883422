"""Reads a cluster from its store, asks its nodes over the bus, and gives them orders (layer 4).

The store tells without a key. What only nodes know, and what they are to do, goes over the bus, sealed with
the secret key.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from flet_cluster.errors import AmbiguousSession, NoAnswer, NoSuchNode, NoSuchSession, SessionMissing
from flet_cluster.inspection.facts import Busy, Look, NodeFacts, SessionDetail, SessionFacts, SessionPage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flet_cluster.facts import Sample
    from flet_cluster.inspection.facts import State
    from flet_cluster.model import NodeInfo
    from flet_cluster.node.control import Control
    from flet_cluster.stores.base import SessionStore

ASK_SECONDS: Final = 3.0
"""How long a node may take to answer a question."""
END_SECONDS: Final = 12.0
"""How long it may take to end a session: the app's ``on_close`` has ten."""
_ASKED: Final = 4
_ON_ITS_WAY: Final = 0.5
"""How often, and after how many seconds, it is looked where a session that is handed over has gone."""
_PAGE: Final = 1000
_FULL_ID: Final = 16
"""A prefix so long is tried as a whole id first."""


class Inspector:
    """Looks into one app's cluster.

    Args:
        store: the cluster's; started.
        control: for questions and orders to nodes; started. None: only the store is read.

    Every method may raise :class:`flet_cluster.errors.StoreUnavailable`.
    """

    def __init__(self, store: SessionStore, control: Control | None = None) -> None:
        self._store = store
        self._control = control

    # -- what the store tells ------------------------------------------------------------------------

    async def nodes(self) -> list[NodeFacts]:
        """List the nodes that are alive, ordered by id."""
        return [NodeFacts.of(info) for info in await self._store.nodes()]

    async def sessions(
        self, cursor: str = "", limit: int = 100, *, node: str = "", state: State | None = None
    ) -> SessionPage:
        """Read on in the list of sessions.

        Args:
            cursor: of the page before; "" to begin.
            limit: about how many are looked at; those that do not fit are left out of the page.
            node: only those that it holds.
            state: only those in it.

        Raises:
            ValueError: the cursor is none.
        """
        page, infos = await asyncio.gather(self._store.sketches(cursor, limit), self._store.nodes())
        alive = {info.node_id for info in infos}
        found = [SessionFacts.of(sketch, alive, page.now) for sketch in page.sketches]
        kept = (one for one in found if node in {"", one.owner} and state in {None, one.state})
        return SessionPage(tuple(kept), page.cursor, page.now)

    async def session(self, session_id: str) -> SessionDetail:
        """Read one session and its life; also of one that has ended, for an hour.

        Raises:
            NoSuchSession: nothing is known of it.
        """
        story, infos = await asyncio.gather(self._store.story(session_id), self._store.nodes())
        if story is None:
            raise NoSuchSession(f"There is no session {session_id!r}.")
        alive = {info.node_id for info in infos}
        facts = SessionFacts.of(story.sketch, alive, story.now) if story.sketch else None
        return SessionDetail(session_id, facts, story.events, story.now)

    async def find(self, prefix: str) -> str:
        """Return the id that begins so. The store goes through all ids unless it is a whole one.

        Raises:
            NoSuchSession: none does.
            AmbiguousSession: several do, or nothing is given: an empty variable is not to end a session.
        """
        if not prefix:
            raise AmbiguousSession("Which session? Give its id, or how it begins.")
        if len(prefix) >= _FULL_ID and await self._known(prefix):
            return prefix
        found, cursor = set[str](), ""
        while True:
            page = await self._store.sketches(cursor, _PAGE, prefix)
            found |= {one.session_id for one in page.sketches}
            cursor = page.cursor
            if len(found) > 1 and prefix not in found:
                raise AmbiguousSession(f"Several sessions begin with {prefix!r}: give more of the id.")
            if not cursor:
                break
        if prefix in found or (not found and await self._known(prefix)):
            return prefix
        if not found:
            raise NoSuchSession(f"There is no session {prefix!r}.")
        return found.pop()

    async def _known(self, session_id: str) -> bool:
        try:
            return await self._store.story(session_id) is not None
        except ValueError:  # no id at all
            return False

    async def history(self, since: float = 0.0, limit: int = 20_000) -> list[Sample]:
        """Return the nodes' figures after a time, the oldest first: an hour, every 10 seconds.

        Of more than ``limit``, which 50 nodes have in that hour, the latest.
        """
        return await self._store.history(since, limit)

    # -- what nodes are asked ------------------------------------------------------------------------

    async def look(self, session_ids: Iterable[str]) -> dict[str, Look]:
        """Ask the nodes that hold these sessions about them; what is not answered is left out."""
        stories = await asyncio.gather(*(self._store.story(session_id) for session_id in session_ids))
        held: dict[str, list[str]] = defaultdict(list)
        for story in stories:
            if story is not None and story.sketch is not None and story.sketch.owner:
                held[story.sketch.owner].append(story.sketch.session_id)
        asked = (self._told(node_id, {"op": "look", "sessions": ids}) for node_id, ids in held.items())
        answers = await asyncio.gather(*asked)
        return {id_: Look.of(facts) for answer in answers if answer for id_, facts in answer.items()}

    async def busiest(self, limit: int = 10) -> list[Busy]:
        """Ask all nodes which sessions commit most, the busiest first."""
        infos = await self._store.nodes()
        asked = (self._told(info.node_id, {"op": "busiest", "most": limit}) for info in infos)
        answers = zip(infos, await asyncio.gather(*asked), strict=True)
        found = [Busy(id_, info.node_id, rate) for info, answer in answers for id_, rate in answer or ()]
        return sorted(found, key=lambda busy: -busy.commits)[:limit]

    async def _told(self, node_id: str, question: dict[str, Any]) -> Any:
        """Return what a node answers; None if it does not."""
        if self._control is None:
            return None
        asked = await self._control.ask(node_id, question, ASK_SECONDS)
        return json.loads(asked.answer) if asked.answer else None

    # -- orders --------------------------------------------------------------------------------------

    async def kick(self, session_id: str) -> str:
        """End a session for good, wherever it is; harmless when repeated.

        The node that holds it runs what the app is owed (``on_disconnect``, ``on_close``); one that nobody
        holds is taken for that by a node that has its version of the app. If no node does it in time, the
        session is ended in the store all the same: its holder's next write is refused.

        Returns:
            How it went: ``closed`` by a node; ``cut``, in the store only; or ``ended``, it had ended before.

        Raises:
            NoSuchSession: nothing is known of it.
        """
        detail = await self.session(session_id)
        if detail.facts is None:
            return "ended"
        closed = await self._closed_by_a_node(detail.facts)
        try:
            owner = await self._store.kick(session_id)
        except SessionMissing:
            return "ended"
        if owner and self._control is not None:  # it is to find out now, not with its next write
            await self._control.tell_gone(owner, session_id)
        return "closed" if closed else "cut"

    async def _closed_by_a_node(self, facts: SessionFacts) -> bool:
        """Have a session ended by its holder, or by a node that suits it, though it be on its way there."""
        for _ in range(_ASKED):
            answer = await self._asked_to_end(facts)
            if answer != "elsewhere":
                return answer == "ended"
            await asyncio.sleep(_ON_ITS_WAY)
            there = (await self.session(facts.session_id)).facts
            if there is None:
                return False
            facts = there
        return False

    async def _asked_to_end(self, facts: SessionFacts) -> str:
        """Return what the node says that should end a session; "" if there is none, or it is silent."""
        if self._control is None:
            return ""
        infos = await self._store.nodes()
        holder = [info for info in infos if info.node_id == facts.owner]
        for info in holder or _by_version(infos, facts.version)[:1]:
            question = {"op": "end", "session": facts.session_id}
            return (await self._control.ask(info.node_id, question, END_SECONDS)).answer
        return ""

    async def drain(self, node_id: str) -> None:
        """Have a node leave as when its process is told to: it hands its sessions over and ends.

        Its process leaves with all the apps that it serves. Returns when the node has said that it will.

        Raises:
            NoSuchNode: it gives no sign of life.
            NoAnswer: it does, and does not answer.
        """
        if all(info.node_id != node_id for info in await self._store.nodes()):
            raise NoSuchNode(f"There is no node {node_id!r}.")
        assert self._control is not None
        ticket = await self._control.ask(node_id, {"op": "ticket"}, ASK_SECONDS)
        answer = ""
        if ticket.answer:
            order = {"op": "leave", "ticket": ticket.answer}
            answer = (await self._control.ask(node_id, order, ASK_SECONDS)).answer
        if answer != "leaving":
            raise NoAnswer(
                f"Node {node_id} does not answer. Is the secret key here the one it has (FLET_SECRET_KEY)? "
                "Does its event loop turn?"
            )


def _by_version(infos: Sequence[NodeInfo], version: str) -> list[NodeInfo]:
    """Return the nodes that can have a session of a version, those that have its code first."""
    staying = [info for info in infos if not info.draining]
    return sorted(staying, key=lambda info: info.version != version)
