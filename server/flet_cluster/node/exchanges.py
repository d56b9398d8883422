"""What a provider accepts once is done once by all nodes, and the others take the result (layer 3).

A code, or a refresh token that rotates, must not be used twice: some providers take that for a theft and
withdraw everything. So whoever uses one claims it in the store first, and keeps the result there, sealed, for
a while: for another session with the same token, and for the node that takes over a session whose commit was
lost. Names are hashes; nothing in them tells the secret.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any

import msgpack

from flet_cluster.errors import SignInFailed, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.node.node import Node

logger = logging.getLogger("flet_cluster.node")

KEPT_SECONDS = 120.0
"""How long a result is kept: until another node has taken over. So long a refresh token is good again."""
FAILED_SECONDS = 5.0
"""How long a failure counts for others: not a moment longer than they would wait for it anyway."""
POLL_SECONDS = 0.1
"""Between two looks whether another node is through."""
_MARGIN = 5.0
_BUSY = "The sign-in cannot be completed at the moment. Try again."


class Exchanges:
    """One node's part in it."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def once(self, name: str, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Return what ``work`` gives, or gave where it was done before.

        It goes on if its caller is cancelled: once begun, the result is of use to whoever comes next.

        Args:
            name: the same for what must not be done twice.
            work: bounded by the settings' ``oauth_timeout``; plain values for msgpack.

        Raises:
            SignInFailed: of ``work``, or the store does not answer.
        """
        result: dict[str, Any] | SignInFailed = await asyncio.shield(
            self._node.spawn(self._settled(name, work))
        )
        if isinstance(result, SignInFailed):
            raise result
        return result

    async def _settled(
        self, name: str, work: Callable[[], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any] | SignInFailed:
        try:
            return await self._claimed(f"exchange:{name}", work)
        except SignInFailed as error:
            return error
        except StoreError as error:
            return SignInFailed(_BUSY, f"the store: {error}")

    async def _claimed(self, name: str, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        node, seconds = self._node, self._node.settings.oauth_timeout + _MARGIN
        mine = self._seal(name, ["held", node.id, secrets.token_hex(8)])
        until, instead_of = node.loop.time() + 2 * seconds, None
        while (there := await node.store.claim(name, mine, seconds, instead_of=instead_of)) is not None:
            word, *rest = self._open(name, there)
            if word == "done":
                node.observer.count("exchanges", how="taken over")
                return dict(rest[0])
            if word == "failed":
                raise SignInFailed(*rest)
            instead_of = None if await self._works(rest[0]) else there
            if node.loop.time() > until:
                raise SignInFailed(_BUSY, "another node does not come to an end with it")
            if instead_of is None:
                await asyncio.sleep(POLL_SECONDS)
        return await self._performed(name, work)

    async def _performed(self, name: str, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        try:
            result = await work()
        except SignInFailed as error:
            self._node.observer.count("exchanges", how="failed")
            await self._tell(name, ["failed", str(error), error.detail, error.error], FAILED_SECONDS)
            raise
        self._node.observer.count("exchanges", how="done")
        await self._tell(name, ["done", result], KEPT_SECONDS)
        return result

    async def _works(self, node_id: str) -> bool:
        """Whether the node that has claimed it may still be at it."""
        return node_id == self._node.id or (bool(node_id) and await self._node.store.alive(node_id))

    async def _tell(self, name: str, outcome: list[Any], seconds: float) -> None:
        try:
            await self._node.store.keep(name, self._seal(name, outcome), seconds)
        except StoreError as error:  # it counts here all the same
            logger.warning("others will not know what came of an exchange with a provider: %s", error)

    def _seal(self, name: str, outcome: list[Any]) -> bytes:
        return self._node.vault.seal_kept(name, msgpack.packb(outcome))

    def _open(self, name: str, sealed: bytes) -> list[Any]:
        payload = self._node.vault.open_kept(name, sealed)
        return list(msgpack.unpackb(payload)) if payload is not None else ["held", ""]
