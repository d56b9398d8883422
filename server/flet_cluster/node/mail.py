"""What comes for a session from outside: into its inbox on any node, out of it where it is held (layer 3).

An entry waits in the store until a commit accounts for it, so it is neither lost nor handled twice, whoever
holds the session meanwhile. Messages to the holder only save time (I4): upkeep finds what they miss.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import msgpack

from flet_cluster.errors import SealBroken, SnapshotError, StoreError
from flet_cluster.host.entries import Arrival
from flet_cluster.model import NOBODY

if TYPE_CHECKING:
    from flet_cluster.model import Entry
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")


class Mail:
    """One node's part in it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._looking: set[Seat] = set()

    # -- in ---------------------------------------------------------------------------------------

    async def post(self, session_id: str, kind: str, body: dict[str, Any], key: str) -> None:
        """Put an entry into a session's inbox, and tell its holder.

        Args:
            session_id: any node's session.
            kind: what the host does with it, see :mod:`flet_cluster.host.entries`.
            body: plain values, for msgpack.
            key: names the entry: repeated with the same key it is the same entry.

        Raises:
            SessionMissing, SessionExpired, SessionDeleted: nobody will ever take it.
            InboxFull: too much waits already.
            StoreUnavailable: it may or may not be in.
        """
        payload = self._node.vault.seal_entry(session_id, key, msgpack.packb([kind, body]))
        owner = await self._node.store.post(session_id, key, payload)
        self._node.observer.count("posted", kind=kind)
        if owner == self._node.id:
            self.arrived(session_id)
        elif owner != NOBODY:
            await self._node.control.tell_mail(owner, session_id)

    # -- out --------------------------------------------------------------------------------------

    def arrived(self, session_id: str) -> None:
        """Something may be in the inbox of a session that is held here, or is not."""
        seat = self._node.seats.get(session_id)
        if seat is not None:
            self.look(seat)

    def look(self, seat: Seat) -> None:
        """Fetch what waits for a session; without a client it goes on waiting, until there is one."""
        seat.mail = True
        if seat.socket is not None and not seat.lost and seat not in self._looking:
            self._looking.add(seat)
            self._node.spawn(self._fetch(seat))

    async def _fetch(self, seat: Seat) -> None:
        try:
            while seat.mail and not seat.lost:
                seat.mail = False
                self._deliver(seat, await self._node.store.inbox(seat.id))
        except StoreError as error:
            seat.mail = True
            logger.warning("session %s: its inbox waits for the store: %s", seat.id, error)
        except (SealBroken, SnapshotError) as error:
            await self._node.departures.reset(seat, error)
        finally:
            self._looking.discard(seat)

    def _deliver(self, seat: Seat, entries: list[Entry]) -> None:
        """Hand over what the session does not know. Raises SealBroken, SnapshotError."""
        if not entries or seat.lost or seat.leaving:
            return
        live = seat.wake()
        for entry in entries:
            live.entries.put(self._open(seat.id, entry))

    def _open(self, session_id: str, entry: Entry) -> Arrival:
        """Unseal an entry. One that does not verify is passed over, or it would wait for ever."""
        payload = self._node.vault.open_entry(session_id, entry.key, entry.payload)
        if payload is None:
            logger.warning("session %s: an entry of its inbox does not verify, it is dropped", session_id)
            return Arrival(entry.n, "", {})
        kind, body = msgpack.unpackb(payload)
        return Arrival(entry.n, kind, body)

    def accounted(self, session_id: str, upto: int) -> None:
        """A commit accounts for the entries up to a number: they need not be kept."""
        self._node.spawn(self._clear(session_id, upto))

    async def _clear(self, session_id: str, upto: int) -> None:
        with contextlib.suppress(StoreError):  # they are known by their numbers, and garbage in the end
            await self._node.store.clear_inbox(session_id, upto)
