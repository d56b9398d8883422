"""How sessions leave a node: given up, asked for by another node, or at their end (layer 3)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import StoreError
from flet_cluster.host import rest
from flet_cluster.node.refusals import code_for
from flet_cluster.node.vain import Vain, is_worth_saying
from flet_cluster.node.vault import Meta, trace_in
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")

SHORT_SECONDS = 0.3
"""How long it may take when the other node can relay: what takes longer goes on here meanwhile."""
LOOK_SECONDS = 0.01

HAND_OVER_SECONDS = 5.0
"""How long what a session runs may take in all, when another node wants it: what has run for longer already,
an endless ``main`` for one, is not waited for. The browser does better to look for this node at once."""

TRIES = 3
"""How often a node may fail to rebuild a session, if that may pass or others could try, before it is lost."""

STOP_SECONDS = 1.0
"""How long what was cancelled may take to end before its session is released all the same."""


class Departures:
    """Lets sessions of one node go."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._vain = Vain()

    async def give_up(
        self,
        seat: Seat,
        code: CloseCode = CloseCode.MOVED,
        patience: float = HAND_OVER_SECONDS,
        *,
        unless_connected: bool = False,
        cut_short: bool = False,
    ) -> bool:
        """Finish, commit and release a session; False when it could not finish in time, or travel, and stays.

        Args:
            seat: the session's seat.
            code: what its socket is closed with.
            patience: seconds it may take to finish.
            unless_connected: keep it after all when its user has come back meanwhile.
            cut_short: release it all the same; what runs is then reported as interrupted.
        """
        if seat.lost or seat.leaving:
            return False
        if self._node.draining:
            self.send_elsewhere(seat, code)
        rested = await self._until_at_rest(seat, patience)
        if not (rested or cut_short) or (unless_connected and seat.socket is not None):
            return False
        if seat.cannot_travel and not (cut_short or self._node.draining):
            return False  # by what it did in the end
        return await self._release(seat, code)

    async def let_go(self, seat: Seat, code: CloseCode, patience: float) -> bool:
        """Release a session at its next commit boundary, its socket open until then.

        Args:
            seat: the session's seat.
            code: what its socket is closed with, once another node may have the session.
            patience: seconds it may take.

        Returns:
            False when it has not come to one in time, or cannot travel: it stays, and nothing has happened
            to it.
        """
        if seat.lost or seat.leaving or not await self._until_at_rest(seat, patience):
            return seat.lost
        if seat.cannot_travel and not self._node.draining:
            return False
        return seat.lost or (not seat.leaving and await self._release(seat, code))

    async def send_away(self, seat: Seat, code: CloseCode, patience: float) -> bool:
        """Have a session's user served elsewhere, let it finish what runs, and release it in any case.

        Returns:
            Whether it had finished; what had not is reported as interrupted by the next node.
        """
        if seat.lost or seat.leaving:
            return True
        self.send_elsewhere(seat, code)
        rested = await self._until_at_rest(seat, patience)
        await self._release(seat, code)
        return rested

    def send_elsewhere(self, seat: Seat, code: CloseCode = CloseCode.DRAINING) -> None:
        """Have a session's user served through another node, whether or not the session can go there now.

        Its browser, sent away, goes to another node, which asks for the session: a quiet one moves, one that
        is busy is relayed and moves when it is quiet. A socket that is at another node already stays.
        """
        socket = seat.socket
        if socket is not None and not self._node.relays.carries(socket):
            seat.detach(socket, for_good=False)
            socket.close(code)

    async def _until_at_rest(self, seat: Seat, patience: float) -> bool:
        """Wait until a session runs nothing and all of it is committed; False when that takes too long."""
        deadline = self._node.loop.time() + patience
        while not seat.at_rest:
            quiet = asyncio.Event()
            seat.when_quiet(quiet.set)
            try:
                await asyncio.wait_for(quiet.wait(), deadline - self._node.loop.time())
            except TimeoutError:
                return seat.at_rest
        return True

    async def _release(self, seat: Seat, code: CloseCode) -> bool:
        """Give the lease back; the seat is gone from here on."""
        if seat.lost:
            return True
        links = [trace_in(seat.committed.meta)] if seat.committed else []
        with self._node.tracer.span("release", seat.id, links=links):
            return await self._give_back(seat, code)

    async def _give_back(self, seat: Seat, code: CloseCode) -> bool:
        seat.leaving = True
        if seat.committer.running is not None:
            await asyncio.wait([seat.committer.running], timeout=self._node.settings.store_patience)
        timeout = seat.timeout
        if seat.live is not None:  # before another node may run the same
            if seat.at_rest and not self._node.draining:
                self._node.ties.keep(seat)
            seat.live.dispose()
            await seat.live.tasks.ended(STOP_SECONDS)
        if seat.lease is not None and not seat.lost:
            try:
                await self._node.store.release(seat.lease, timeout, seat.diary.waiting())
            except StoreError as error:
                logger.warning("session %s: not released, others will seize it: %s", seat.id, error)
        self._node.host.faults.hit("lease-released", seat.id)
        seat.lose(code, "released")
        self._node.observer.count("released")
        return True

    async def asked_to_release(self, question: dict[str, Any]) -> str:
        """Answer a message of another node; see :meth:`release_for_peer`."""
        relay, version = question.get("relay", False), question.get("version", "")
        parent = question.get("trace", "")
        with self._node.tracer.span("hand over", question["session"], parent=parent) as span:
            answer = await self.release_for_peer(question["session"], relay=relay, version=version)
            span.note(answer=answer)
        return answer

    async def release_for_peer(self, session_id: str, *, relay: bool = False, version: str = "") -> str:
        """Answer another node that wants a session: "released", "unknown", or "busy", it has to stay.

        Args:
            session_id: the session.
            relay: that node can relay, so that a session that plainly cannot go need not be waited for.
            version: that node's version of the app, if it minds.
        """
        seat = self._node.seats.get(session_id)
        if seat is None or seat.lost:
            return "unknown"
        if seat.leaving:
            return "released" if await self._left(seat) else "busy"
        seat.committer.request()
        if seat.live is not None and not rest.releasable(seat.live) and seat.socket is not None:
            # Its browser is elsewhere now, or the other node would not ask: do not keep the old socket.
            socket = seat.socket
            seat.detach(socket, for_good=False)
            socket.close(CloseCode.MOVED)
        kept = self._node.upgrades.keeps(seat, version)
        if kept or not (seat.portable or self._node.draining):
            return "busy"
        patience = SHORT_SECONDS if relay else HAND_OVER_SECONDS
        if seat.live is not None:
            awaits_user = relay and seat.live.session.awaits_client
            patience = 0.0 if awaits_user else patience - seat.live.handlers.running_for
        # A node that leaves has no time for one that cannot relay.
        cut_short = self._node.draining and not relay
        return "released" if await self.give_up(seat, patience=patience, cut_short=cut_short) else "busy"

    async def _left(self, seat: Seat) -> bool:
        """Wait a moment for a session that is on its way out."""
        for _ in range(int(SHORT_SECONDS / LOOK_SECONDS)):
            if seat.lost:
                break
            await asyncio.sleep(LOOK_SECONDS)
        return seat.lost

    async def reset(self, seat: Seat, error: Exception) -> CloseCode:
        """End a session that cannot be rebuilt here; its user is told (I6). Returns how.

        While another node runs the code of the session, the browser is sent to look for that one. Only a
        session that no node can rebuild is deleted; a record that does not verify is left as it is, since the
        fault may be this node's key.
        """
        lease, meta = seat.lease, Meta.load(seat.committed.meta if seat.committed else "")
        code, tries = code_for(error), self._vain.add(seat.id)
        if code is CloseCode.LOST and error.__cause__ is not None and tries <= TRIES:
            code = CloseCode.NOT_REBUILT  # a file or a database of the app may be away for a moment
        elif code is CloseCode.OUTDATED:
            code = await self._outdated(meta.version, tries)
        logger.log(
            logging.ERROR if is_worth_saying(tries) else logging.DEBUG,
            "session %s cannot be rebuilt here (%s): %s",
            seat.id,
            code.reason,
            error,
        )
        self._node.observer.count("reset", reason=code.reason)
        seat.lose(code, str(error))
        if lease is not None:
            with contextlib.suppress(StoreError):
                if code is CloseCode.LOST:
                    await self._node.store.delete(lease, code.reason)
                else:
                    seat.diary.note("reset", code.reason)
                    timeout = self._node.settings.session_timeout
                    await self._node.store.release(lease, timeout, seat.diary.waiting())
        return code

    async def _outdated(self, version: str, tries: int) -> CloseCode:
        """Return what to say of a session whose code is not here, as it seems.

        A node with the very version that wrote the record should have it. Another one may have what is
        missing all the same, a module that is imported late; but no browser is sent to and fro for ever.
        """
        elsewhere = await self._runs_elsewhere(version)
        if version != self._node.version:
            return CloseCode.NO_VERSION if elsewhere else CloseCode.OUTDATED
        return CloseCode.NO_VERSION if elsewhere and tries <= TRIES else CloseCode.LOST

    async def _runs_elsewhere(self, version: str) -> bool:
        """Whether another node that lives has the app's code in this version."""
        try:
            nodes = await self._node.store.nodes()
        except StoreError:
            return False
        return any(node.version == version and node.node_id != self._node.id for node in nodes)
