"""Sessions whose code is not this node's (layer 3).

While a node with a session's version lives, the session stays there, and browsers elsewhere are relayed to
it. After that it goes on here: as it is, if nothing that it refers to has changed, or else from ``main``,
with what the app keeps in ``page.session.store``, the route and the sign-in.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import SnapshotError, StoreError
from flet_cluster.host import kept, upgrades
from flet_cluster.host.live import LiveSession
from flet_cluster.model import Held
from flet_cluster.node.vault import Meta
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from flet_cluster.host.entry import Entry
    from flet_cluster.model import Record
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")

LOOK_SECONDS = 1.0
"""How old the list of the versions that live may be, where a mistake costs little."""


class Upgrades:
    """Where sessions of other versions go, and how they go on."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._looked_at = -LOOK_SECONDS
        self._others: set[str] = set()

    @property
    def version(self) -> str:
        """The version that sessions are kept apart by; "" when they are not.

        Not while code is being developed (sessions are to come to the new code), nor where nothing is ever
        relayed. That a node has no relay left just now does not count: its user looks for another one.
        """
        apart = self._node.relays.possible and not self._node.settings.reload
        return self._node.version if apart else ""

    def keeps(self, seat: Seat, version: str) -> bool:
        """Whether a session is to stay here although a node with another version wants it."""
        if not version or version == self._node.version or self._node.draining:
            return False
        return _version_of(seat) == self._node.version

    # -- a session that is free, and not of this version ----------------------------------------------

    async def sent_home(self, record: Record, token: str, tried: set[str]) -> bool:
        """Give a record that this node has just taken to a node with its version; False: there is none.

        Args:
            record: just acquired.
            token: the session's token.
            tried: nodes that were asked before and did not take it; the one that is asked now is added.

        Raises:
            StoreError: the store does not answer.
        """
        version = Meta.load(record.commit.meta).version
        if not self.version or version in {"", self.version}:
            return False
        nodes = await self._node.store.nodes()
        homes = [
            node
            for node in nodes
            if node.version == version and not node.draining and node.node_id not in tried
        ]
        if not homes:
            return False
        home = min(homes, key=lambda node: node.sessions)
        tried.add(home.node_id)
        await self._node.store.release(record.lease, self._node.settings.session_timeout)
        asked = await self._node.control.ask_adopt(home.node_id, record.session_id, token)
        self._node.observer.count("sent_home", answer=asked.answer or "none")
        return True

    async def belongs_elsewhere(self, session_id: str) -> bool:
        """Whether a session should be left to a node with its version, which can run its ``on_close``.

        Raises:
            StoreError: the store does not answer.
        """
        if not self.version:
            return False
        now = self._node.loop.time()
        if now - self._looked_at > LOOK_SECONDS:
            nodes = await self._node.store.nodes()
            self._looked_at = now
            self._others = {node.version for node in nodes if not node.draining} - {"", self.version}
        record = await self._node.store.peek(session_id) if self._others else None
        return record is not None and Meta.load(record.commit.meta).version in self._others

    async def asked_to_adopt(self, question: dict[str, Any]) -> str:
        """Answer a message of another node; see :meth:`adopt`."""
        return await self.adopt(question["session"], question["token"])

    async def adopt(self, session_id: str, token: str) -> str:
        """Take a session whose version this node has, for another node that has its browser.

        Returns "adopted", or "no".
        """
        node = self._node
        if node.draining:
            return "no"
        async with node.lock_of(session_id):
            if session_id in node.seats:
                return "adopted"
            try:
                answer = await node.store.acquire(session_id, node.id, node.settings.session_timeout)
                if isinstance(answer, Held):
                    return "no"
                if Meta.load(answer.commit.meta).version != node.version:
                    await node.store.release(answer.lease, node.settings.session_timeout)
                    return "no"
            except StoreError as error:
                logger.warning("session %s: not taken for another node: %s", session_id, error)
                return "no"
            node.seat_from(answer, token).expect_user()
            return "adopted"

    # -- a session that this node has, and that is not of this version -----------------------------------

    def begins_anew(self, seat: Seat) -> bool:
        """Find out how a session of another version goes on here; True: from ``main``.

        Raises:
            SealBroken, SnapshotError: it cannot be rebuilt, for another reason than changed code.
        """
        if self._node.settings.reload or seat.live is not None or seat.committed is None:
            return False
        version = _version_of(seat)
        if version in {"", self._node.version}:
            return False
        if self._node.settings.on_upgrade == "restart":
            return True
        try:
            live = seat.wake()
        except SnapshotError as error:
            if not seat.portable:
                raise  # that has nothing to do with the code
            logger.info("session %s: begins anew, the app has changed: %s", seat.id, error)
            return True
        self._node.observer.count("upgraded", how="resumed")
        seat.diary.note("upgraded", f"from version {version}")
        upgrades.note(live, upgrades.Upgrade(False, (), version, self._node.version))
        seat.changed(urgent=True)
        return False

    def begin_anew(self, seat: Seat, entry: Entry | None = None) -> None:
        """Give a session objects of this node's version, with what outlives a change of the code.

        Args:
            seat: holds the session.
            entry: what it begins with, by the socket that it comes back on; None for the program's own.

        Raises:
            SealBroken: the record does not verify.
        """
        version = _version_of(seat)
        live = LiveSession.fresh(self._node.host, seat.id, seat.instance, seat, entry)
        live.token = seat.token
        found = kept.Kept()
        if seat.committed is not None:
            data, _ = kept.split(self._node.vault.graph(seat.id, seat.committed))
            try:
                found = kept.Kept.read(data, seat.id, self._node.host, live.externals)
            except SnapshotError as error:
                logger.warning("session %s: begins anew with nothing: %s", seat.id, error)
            live.entries.go_on_from(seat.committed.inbox)
            for cut in self._node.vault.running(seat.id, seat.committed):
                logger.warning("session %s: %s was interrupted (key %s)", seat.id, cut.what, cut.key)
                self._node.observer.count("interrupted", what="handler")
        found.give(live)
        seat.adopt(live)
        self._node.observer.count("upgraded", how="restarted")
        seat.diary.note("upgraded", f"from version {version}, begun anew")
        upgrades.note(live, upgrades.Upgrade(True, tuple(found.dropped), version, self._node.version))

    async def let_reload(self, seat: Seat) -> CloseCode:
        """Give a session up whose page must be loaded anew before it can begin anew; returns what to say."""
        lease = seat.lease
        self._node.observer.count("reset", reason=CloseCode.UPGRADED.reason)
        seat.lose(CloseCode.UPGRADED, "its page has to be loaded anew")
        if lease is not None:
            with contextlib.suppress(StoreError):
                await self._node.store.release(lease, self._node.settings.session_timeout)
        return CloseCode.UPGRADED


def _version_of(seat: Seat) -> str:
    return Meta.load(seat.committed.meta).version if seat.committed is not None else ""
