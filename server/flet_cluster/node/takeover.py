"""Getting a session that may be anywhere: does what ``ownership`` decides, until it is ours (layer 3)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flet_cluster.errors import (
    SessionBusy,
    SessionDeleted,
    SessionElsewhere,
    SessionExpired,
    SessionMissing,
)
from flet_cluster.ownership import (
    AcquireAgain,
    AskOwner,
    CheckHolder,
    Policy,
    Relay,
    Reply,
    RetryLater,
    Seize,
    Situation,
    Take,
    decide,
)

if TYPE_CHECKING:
    from flet_cluster.model import Held, Lease, Record
    from flet_cluster.node.control import Asked
    from flet_cluster.node.node import Node

logger = logging.getLogger("flet_cluster.node")

ASK_SECONDS = 6.0
"""How long a holder may take to answer; a little more than it may take to finish what runs."""
SOON_SECONDS = 1.0
"""How long, while who asks may not yet be heard, or not hear the answer."""
POLICY = Policy(patience=8.0)

_REPLIES = {"released": Reply.RELEASED, "unknown": Reply.RELEASED, "busy": Reply.RELAY}


@dataclass(frozen=True, slots=True)
class Taken:
    """A session that is ours now.

    Attributes:
        by_force: its holder was not asked, or did not answer.
        asked: its holder was asked.
        alive_owner: the node it was taken from by force although its heartbeat was still valid; "" otherwise.
    """

    record: Record
    alive_owner: str = ""
    by_force: bool = False
    asked: bool = False

    @property
    def how(self) -> str:
        """How it came here: seized, released, or it was free."""
        return "seized" if self.by_force else "released" if self.asked else "free"


async def take(node: Node, session_id: str, token: str = "", trace: str = "") -> Taken:
    """Acquire a session, asking or overruling its holder as the rules say.

    A session of another version of the app is given to a node with that version, while there is one.
    ``trace``: header of the span that whoever is asked goes on from.

    Raises:
        SessionMissing, SessionExpired, SessionDeleted, StoreRecovering, StoreUnavailable: as ``acquire``.
        SessionElsewhere: its holder lives and cannot let go now: relay to it.
        SessionBusy: nor can this node relay.
    """
    outcome = "failed"
    try:
        taken = await _Takeover(node, session_id, token, trace).run()
        outcome = taken.how
    except SessionElsewhere:
        outcome = "relayed"
        raise
    except SessionBusy:
        outcome = "busy"
        raise
    except (SessionMissing, SessionExpired, SessionDeleted):
        outcome = "gone"
        raise
    finally:
        node.observer.count("hand_overs", outcome=outcome)
    return taken


class _Takeover:
    """One attempt to get one session."""

    def __init__(self, node: Node, session_id: str, token: str, trace: str) -> None:
        self._node = node
        self._id = session_id
        self._token = token
        self._trace = trace
        self._homes: set[str] = set()
        self._began = node.loop.time()
        self._overruled = ""
        self._by_force = False
        self._asked = False

    @property
    def _elapsed(self) -> float:
        return self._node.loop.time() - self._began

    async def run(self) -> Taken:
        """Decide, do, and decide again."""
        policy = replace(POLICY, can_relay=self._node.relays.available)
        situation = Situation(await self._acquire())
        while True:
            action = decide(situation, policy)
            if isinstance(action, Take):
                if await self._node.upgrades.sent_home(action.record, self._token, self._homes):
                    situation = situation.acquired(await self._acquire(), self._elapsed)
                    continue
                return Taken(action.record, self._overruled, self._by_force, self._asked)
            if isinstance(action, Relay):
                raise SessionElsewhere(action.lease)
            if isinstance(action, RetryLater):
                raise SessionBusy(f"session {self._id}: its holder cannot let go of it yet")
            situation = await self._do(action, situation)

    async def _do(
        self, action: CheckHolder | AskOwner | AcquireAgain | Seize, situation: Situation
    ) -> Situation:
        """Carry out one decision and return what is known after it."""
        if isinstance(action, CheckHolder):
            alive = await self._node.store.alive(action.lease.owner)
            doubtful = self._node.host.life.doubtful
            return situation.checked(alive=alive, elapsed=self._elapsed, doubtful=doubtful)
        if isinstance(action, AskOwner):
            await asyncio.sleep(action.delay)
            reply = await self._ask(action.lease.owner, SOON_SECONDS if situation.doubtful else ASK_SECONDS)
            return situation.heard(reply, self._elapsed)
        if isinstance(action, Seize):
            return situation.acquired(await self._seize(action), self._elapsed)
        await asyncio.sleep(action.delay)
        return situation.acquired(await self._acquire(), self._elapsed)

    async def _ask(self, owner: str, patience: float) -> Reply:
        """Ask the holder to let go; ``patience``: seconds it may take to answer."""
        self._asked = True
        asked = await self._node.control.ask_release(
            owner,
            self._id,
            patience,
            relay=self._node.relays.available,
            version=self._node.upgrades.version,
            trace=self._trace,
        )
        reply = _reply(asked)
        self._node.observer.count("holders_asked", answer=reply.value)
        return reply

    async def _seize(self, action: Seize) -> Record | Held:
        """Take the session without its holder's consent."""
        logger.warning("session %s: taken by force from %s", self._id, action.lease.owner)
        self._node.observer.count("seized", dead=str(action.holder_is_dead).lower())
        self._by_force = True
        self._overruled = "" if action.holder_is_dead else action.lease.owner
        answer = await self._acquire(action.lease)
        # It may only have been frozen: its socket to the old place of this browser should not linger.
        self._node.spawn(self._node.control.tell_moved(action.lease.owner, self._id))
        return answer

    async def _acquire(self, seize: Lease | None = None) -> Record | Held:
        node = self._node
        return await node.store.acquire(self._id, node.id, node.settings.session_timeout, seize=seize)


def _reply(asked: Asked) -> Reply:
    """Translate what the bus said."""
    if asked.listeners == 0:
        return Reply.NO_LISTENER
    if asked.answer:
        return _REPLIES[asked.answer]
    return Reply.BUS_DOWN if asked.listeners is None else Reply.SILENT
