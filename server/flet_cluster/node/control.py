"""What nodes ask each other over the bus (layer 3).

*Release* ("please let go of this session"), *adopt* ("please take it: your version of the app is its own"),
their *answer*; and *mail* ("look into the inbox of this session"), *moving* ("do not take these sessions just
now") and *rebalance*, which want none. What operators ask is in :mod:`flet_cluster.node.orders`. All are
hints (I4): the store is looked at afterwards, whatever was said. Sealed like everything that travels (I5).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from flet_cluster.bus.base import Bus
    from flet_cluster.node.vault import Vault

logger = logging.getLogger("flet_cluster.node")

ADOPT_SECONDS = 2.0
"""How long a node may take to say whether it takes a session."""


def channel_of(node_id: str) -> str:
    """Return the control channel of a node."""
    return f"ctl:{node_id}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking.

    Attributes:
        listeners: how many heard it: 0 says the node is gone, None that the bus cannot tell.
        answer: "released", "busy", "unknown", or "" when none came in time.
    """

    listeners: int | None
    answer: str


class Control:
    """The control channel of one node.

    Args:
        bus: carries what is said.
        vault: seals it, and opens what is heard.
        node_id: whose channel it is.
        answers: for each question, a coroutine function that takes it and returns the answer.
        hints: what else may be said, by its name, and what to call with it.
    """

    def __init__(
        self,
        bus: Bus,
        vault: Vault,
        node_id: str,
        answers: Mapping[str, Callable[[dict[str, Any]], Awaitable[str]]],
        hints: Mapping[str, Callable[[dict[str, Any]], None]],
    ) -> None:
        self._bus = bus
        self._vault = vault
        self._node_id = node_id
        self._answers = answers
        self._hints = hints
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._unsubscribe: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Listen. Raises BusUnavailable."""
        self._unsubscribe = await self._bus.subscribe(channel_of(self._node_id), self._heard)

    async def stop(self) -> None:
        """Listen no more: from here on others see at once that this node is gone."""
        if self._unsubscribe is not None:
            await self._unsubscribe()
        for job in self._jobs:
            job.cancel()

    async def ask_release(  # noqa: PLR0913 - what the holder decides by
        self,
        owner: str,
        session_id: str,
        patience: float,
        *,
        relay: bool = False,
        version: str = "",
        trace: str = "",
    ) -> Asked:
        """Ask ``owner`` to let a session go; wait at most ``patience`` seconds for its answer.

        ``relay``: this node can relay, so that a session that is busy need not be waited for.
        ``version``: of the app, here; "" if that is no matter.
        ``trace``: header of the span that asks; "" if it is not traced.
        """
        body = {"op": "release", "session": session_id, "relay": relay, "version": version}
        if trace:
            body["trace"] = trace
        return await self.ask(owner, body, patience)

    async def ask_adopt(self, node_id: str, session_id: str, token: str) -> Asked:
        """Ask a node to take a session that is free, since its version of the app is there."""
        return await self.ask(node_id, {"op": "adopt", "session": session_id, "token": token}, ADOPT_SECONDS)

    async def ask(self, node_id: str, question: dict[str, Any], patience: float) -> Asked:
        """Ask, and wait for the answer, at most ``patience`` seconds; ``question["op"]`` says which."""
        request_id = secrets.token_urlsafe(8)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            listeners = await self._send(node_id, {**question, "from": self._node_id, "id": request_id})
            if listeners == 0:
                return Asked(0, "")
            with contextlib.suppress(TimeoutError):
                return Asked(listeners, await asyncio.wait_for(answer, patience))
            return Asked(listeners, "")
        except BusUnavailable:
            return Asked(None, "")
        finally:
            del self._waiting[request_id]

    async def tell_moved(self, owner: str, session_id: str) -> None:
        """Tell a node from which a session was taken by force, so that it need not find out by itself."""
        with contextlib.suppress(BusUnavailable):
            await self._send(owner, {"op": "release", "session": session_id, "from": self._node_id, "id": ""})

    async def tell_mail(self, owner: str, session_id: str) -> None:
        """Tell a node that something has come for a session it holds."""
        with contextlib.suppress(BusUnavailable):
            await self._send(owner, {"op": "mail", "session": session_id, "from": self._node_id, "id": ""})

    async def tell_gone(self, owner: str, session_id: str) -> None:
        """Tell a node that a session it holds was ended in the store."""
        with contextlib.suppress(BusUnavailable):
            await self._send(owner, {"op": "gone", "session": session_id, "id": ""})

    async def tell_moving(self, node_id: str, session_ids: Sequence[str]) -> None:
        """Tell a node that it should not take these sessions just now."""
        with contextlib.suppress(BusUnavailable):
            await self._send(node_id, {"op": "moving", "sessions": list(session_ids), "id": ""})

    async def tell_rebalance(self, node_id: str) -> None:
        """Tell a node to level its load now."""
        with contextlib.suppress(BusUnavailable):
            await self._send(node_id, {"op": "rebalance", "id": ""})

    async def _send(self, node_id: str, body: dict[str, Any]) -> int | None:
        channel = channel_of(node_id)
        return await self._bus.publish(channel, self._vault.seal_message(channel, json.dumps(body).encode()))

    def _heard(self, sealed: bytes) -> None:
        """Take a message from another node; what does not verify is ignored."""
        payload = self._vault.open_message(channel_of(self._node_id), sealed)
        if payload is None:
            logger.warning("a control message did not verify; is the secret key the same on all nodes?")
            return
        body = json.loads(payload)
        if body["op"] in self._answers:
            job = asyncio.get_running_loop().create_task(self._answer(body))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)
        elif (hint := self._hints.get(body["op"])) is not None:
            hint(body)
        elif (waiting := self._waiting.get(body["id"])) is not None and not waiting.done():
            waiting.set_result(body["answer"])

    async def _answer(self, body: dict[str, Any]) -> None:
        """Do what is asked, then say how it went."""
        answer = await self._answers[body["op"]](body)
        with contextlib.suppress(BusUnavailable):
            await self._send(body["from"], {"op": "answer", "id": body["id"], "answer": answer})
