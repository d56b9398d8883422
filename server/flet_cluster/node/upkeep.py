"""What a node does by the clock: deadlines, expiry, silence, a store that lost its data (layer 3)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING
from zlib import crc32

from flet_cluster.errors import (
    SealBroken,
    SessionDeleted,
    SessionMissing,
    SnapshotError,
    StoreError,
)
from flet_cluster.host import rest
from flet_cluster.model import Held, Lease, Record
from flet_cluster.node.seat import Seat
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from flet_cluster.node.node import Node

logger = logging.getLogger("flet_cluster.node")

CLOSED_AT_ONCE = 50
"""Expired sessions that a node closes at the same time."""
CLOSE_SECONDS = 10.0
"""How long an expired session's ``on_close`` may take."""
ROUND_SECONDS = 5.0
"""How often a node looks at its store, at least."""
ROUNDS = 3
"""In so many rounds each session has its turn: the touches are what a session costs that does nothing."""


class Upkeep:
    """The periodic work of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._incarnation = ""
        self._round = 0

    async def start(self) -> None:
        """Look at the store and begin. Raises StoreUnavailable."""
        self._incarnation = await self._node.store.incarnation()
        self._node.spawn(self.maintain())
        self._node.spawn(self.end_expired())
        self._node.spawn(self.listen_for_silence())
        self._node.spawn(self._node.hibernation.run())

    async def maintain(self) -> None:
        """Touch connected sessions, refill a store that lost its data."""
        while True:
            await asyncio.sleep(self._period)
            try:
                await self._refill_if_lost()
                await self._touch()
            except StoreError as error:
                logger.warning("upkeep waits for the store: %s", error)
            except Exception:  # without upkeep the sessions of connected users would expire
                logger.exception("upkeep failed; it goes on")

    async def end_expired(self) -> None:
        """Close expired sessions. Apart from the rest: an ``on_close`` may take long."""
        while True:
            await asyncio.sleep(self._period)
            try:
                await self._expire()
            except StoreError as error:
                logger.warning("closing expired sessions waits for the store: %s", error)
            except Exception:  # or no session here would ever be closed again
                logger.exception("closing expired sessions failed; it goes on")

    @property
    def _period(self) -> float:
        return max(0.2, min(ROUND_SECONDS, self._node.settings.session_timeout / 5))

    @property
    def _rounds(self) -> int:
        """In how many rounds each session is touched once; all within a fifth of its time."""
        return max(1, min(ROUNDS, int(self._node.settings.session_timeout / 5 / self._period)))

    async def listen_for_silence(self) -> None:
        """Look after sockets whose clients say nothing; one timer for all of them."""
        period = min(1.0, self._node.settings.handshake_timeout / 4)
        while True:
            await asyncio.sleep(period)
            for socket in list(self._node.sockets):
                try:
                    socket.check_silence(self._node.loop.time())
                except Exception:  # one socket must not keep all others from being looked after
                    logger.exception("looking after a socket failed")

    async def _touch(self) -> None:
        """Move the deadlines of sessions with a user: a part of them in each round, and who has news."""
        seats, rounds = self._node.seats, self._rounds
        self._round += 1
        held = (seat for seat in seats.values() if seat.socket and seat.lease)
        connected = [seat.id for seat in held if self._due(seat, rounds)]
        for start in range(0, len(connected), 500):
            ids = [id_ for id_ in connected[start : start + 500] if id_ in seats]  # others may have left
            notes = {id_: told for id_ in ids if (told := seats[id_].diary.waiting())}
            touched = await self._node.store.touch(ids, self._node.settings.session_timeout, notes)
            for session_id, told in notes.items():
                if (seat := seats.get(session_id)) is not None:
                    seat.diary.written(len(told))
            for session_id in touched.missing:
                await self._refill(seats.get(session_id))
            for session_id in touched.mail:
                self._node.mail.arrived(session_id)

    def _due(self, seat: Seat, rounds: int) -> bool:
        """Whether it is a session's turn. Turns go by ids, so that each round has as much to do."""
        return crc32(seat.id.encode()) % rounds == self._round % rounds or bool(seat.diary.waiting())

    async def _refill_if_lost(self) -> None:
        """Notice a store that came back without its data and write back what this node holds."""
        incarnation = await self._node.store.incarnation()
        if incarnation == self._incarnation:
            return
        logger.warning("the store lost its data; writing back %d sessions", len(self._node.seats))
        self._incarnation = incarnation
        for seat in list(self._node.seats.values()):
            await self._refill(seat)

    def look_for(self, session_id: str) -> None:
        """See whether the store still has a session of this node, which may have been ended there."""
        self._node.spawn(self._look_for(session_id))

    async def _look_for(self, session_id: str) -> None:
        try:
            if await self._node.store.peek(session_id) is None:
                await self._refill(self._node.seats.get(session_id))
        except StoreError as error:
            logger.warning("session %s: not looked for: %s", session_id, error)

    async def _refill(self, seat: Seat | None) -> None:
        if seat is None or seat.lease is None or seat.committed is None or seat.lost:
            return
        try:
            if not await seat.refill(seat.committed):
                await seat.holds()  # what is newer there may be a commit of its own
        except SessionDeleted as error:
            seat.fenced(error)

    async def _expire(self) -> None:
        """Run what expired sessions are owed, then delete them: all there are, some at a time.

        Those that stay, since a node that lives holds them, are tried once: they must not hide the others.
        """
        tried: set[str] = set()
        while True:
            due = await self._node.store.expired(CLOSED_AT_ONCE + len(tried))
            fresh = [session_id for session_id in due if session_id not in tried][:CLOSED_AT_ONCE]
            if not fresh:
                return
            tried.intersection_update(due)
            tried.update(fresh)
            await asyncio.gather(*(self._close_expired(session_id) for session_id in fresh))

    async def _close_expired(self, session_id: str) -> None:
        """Close one expired session, unless it is connected or another node's."""
        try:
            await self._close(session_id)
        except StoreError as error:
            logger.warning("session %s: not closed yet: %s", session_id, error)
        except Exception:  # one session must not keep the others from being closed
            logger.exception("closing session %s failed", session_id)

    async def _close(self, session_id: str) -> None:
        async with self._node.lock_of(session_id):
            seat = self._node.seats.get(session_id)
            if seat is None:
                if await self._node.upgrades.belongs_elsewhere(session_id):
                    return
                with contextlib.suppress(SessionMissing, SessionDeleted):
                    record = await self._take_expired(session_id)
                    if record is not None:
                        await self._say_close(record)
                return
            if seat.socket is None and seat.lease is not None:
                await self._run_close(seat)

    async def _take_expired(self, session_id: str) -> Record | None:
        """Acquire an expired session that is free or whose holder is dead; a living one closes it."""
        answer = await self._take_any(session_id)
        if answer is not None and not answer.expired:  # its user came back a moment ago: not ours to keep
            await self._node.store.release(answer.lease, self._node.settings.session_timeout)
            return None
        return answer

    async def _take_any(self, session_id: str) -> Record | None:
        """Acquire a session, expired or not, that is free or whose holder is dead."""
        timeout = self._node.settings.session_timeout
        answer = await self._node.store.acquire(session_id, self._node.id, timeout, expired_ok=True)
        if isinstance(answer, Held) and await self._node.dead(answer.lease.owner):
            answer = await self._node.store.acquire(
                session_id, self._node.id, timeout, seize=answer.lease, expired_ok=True
            )
        return None if isinstance(answer, Held) else answer

    async def _say_close(self, record: Record, why: str = "expired") -> None:
        """Rebuild an expired session for its ``on_close``; one that cannot be is just deleted."""
        try:
            seat = Seat.taken(self._node, record, "")
            seat.wake()
        except (SealBroken, SnapshotError) as error:
            logger.info("session %s: no on_close: %s", record.session_id, error)
            self._node.observer.count("expired_unclosed")
            await self._delete(record.lease, why)
            return
        await self._run_close(seat, why)

    async def end(self, session_id: str) -> str:
        """End a session for good, now, with the same that its app is owed at its deadline.

        Returns:
            "ended"; "unknown", there is none; or "elsewhere", a living node holds it, or soon will.

        Raises:
            StoreError: the store does not answer.
        """
        async with self._node.lock_of(session_id):
            seat = self._node.seats.get(session_id)
            if seat is None:
                try:
                    record = await self._take_any(session_id)
                except (SessionMissing, SessionDeleted):
                    return "unknown"
                if record is None:
                    return "elsewhere"
                await self._say_close(record, "kicked")
            elif seat.leaving:  # its objects are stopped for the one that gets it
                return "elsewhere"
            else:
                await self._run_close(seat, "kicked")
            return "ended"

    async def _run_close(self, seat: Seat, why: str = "expired") -> None:
        seat.leaving = True
        socket, seat.socket = seat.socket, None
        if socket is not None:  # its user need not wait for what the app does
            socket.close(CloseCode.DELETED)
        with contextlib.suppress(SealBroken, SnapshotError):
            live = seat.wake()
            live.background.stop()
            live.session.cancel_client_calls()
            live.expire()
            seat.say_away()  # a node that died could not
            live.inputs.page_event("close")
            await rest.until_releasable(live, CLOSE_SECONDS)
            await self._until_committed(seat)
            live.expire()  # once more: on_close may have set something going
        code = self._counted(why)
        lease = seat.lease
        seat.lose(code, why)
        if lease is not None:
            await self._delete(lease, why)

    def _counted(self, why: str) -> CloseCode:
        """Count a session that has ended; returns what its socket is closed with."""
        if why == "expired":
            self._node.observer.count("expired")
            return CloseCode.EXPIRED
        self._node.observer.count("kicked")
        return CloseCode.DELETED

    async def _until_committed(self, seat: Seat) -> None:
        """Wait for what ``on_close`` published: messages to others leave with a commit."""
        if seat.at_rest:
            return
        quiet = asyncio.Event()
        seat.when_quiet(quiet.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(quiet.wait(), CLOSE_SECONDS)

    async def _delete(self, lease: Lease, why: str) -> None:
        with contextlib.suppress(StoreError):
            await self._node.store.delete(lease, why)
