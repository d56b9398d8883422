"""Nodes' heartbeats and the data set's incarnation in Redis (layer 2)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from flet_cluster.errors import StoreRecovering
from flet_cluster.model import NodeInfo
from flet_cluster.stores import scripts
from flet_cluster.stores.base import RECOVERY

if TYPE_CHECKING:
    from flet_cluster.stores.batch import Batcher
    from flet_cluster.stores.keys import Keys

FORGET_NODES_AFTER: Final = 3600.0
"""When the list of node ids drops one without a heartbeat, seconds. Only its length is at stake."""


class Presence:
    """Who is alive, and whether the store still holds the data it held before."""

    def __init__(self, batcher: Batcher, keys: Keys) -> None:
        self._batcher = batcher
        self._keys = keys
        self._known_incarnation: str | None = None

    async def incarnation(self) -> str:
        """Read the data set's id. If it replaced one we knew, announce the recovery to all nodes."""
        parts = await asyncio.gather(
            *(
                self._batcher.script(scripts.INCARNATION, [key], [secrets.token_hex(8)])
                for key in self._keys.incarnations
            ),
        )
        found = _combine([part[0] for part in parts])
        if self._known_incarnation not in (None, found):
            milliseconds = int(RECOVERY * 1000)
            await self._batcher.command("SET", self._keys.recovering, found, "PX", milliseconds)
        self._known_incarnation = found
        return found

    async def recovering(self) -> bool:
        """Whether some node announced a loss of data a moment ago, or this one finds it now."""
        await self.incarnation()
        return bool(await self._batcher.command("EXISTS", self._keys.recovering))

    async def heartbeat(self, info: NodeInfo, ttl: float) -> None:
        """Say that a node lives."""
        text = json.dumps(asdict(info))
        await asyncio.gather(
            self._batcher.command("SET", self._keys.node(info.node_id), text, "PX", int(ttl * 1000)),
            self._batcher.command("ZADD", self._keys.nodes, time.time(), info.node_id),
            self.incarnation(),
        )

    async def nodes(self) -> list[NodeInfo]:
        """List the nodes that are alive, ordered by id."""
        oldest = time.time() - FORGET_NODES_AFTER
        _, members = await asyncio.gather(
            self._batcher.command("ZREMRANGEBYSCORE", self._keys.nodes, "-inf", oldest),
            self._batcher.command("ZRANGE", self._keys.nodes, 0, -1),
        )
        ids = sorted(member.decode() for member in members)
        texts = await asyncio.gather(*(self._batcher.command("GET", self._keys.node(id_)) for id_ in ids))
        return [NodeInfo(**json.loads(text)) for text in texts if text is not None]

    async def alive(self, node_id: str) -> bool:
        """Whether a node's last heartbeat is still valid.

        Raises:
            StoreRecovering: it is not here, but the store has lost its data: it may have been.
        """
        if await self._batcher.command("EXISTS", self._keys.node(node_id)):
            return True
        if await self.recovering():
            raise StoreRecovering("the store lost data, and nodes have not all been heard again: retry later")
        return False

    async def retire(self, node_id: str) -> None:
        """Forget a node."""
        await asyncio.gather(
            self._batcher.command("DEL", self._keys.node(node_id)),
            self._batcher.command("ZREM", self._keys.nodes, node_id),
        )


def _combine(parts: list[bytes]) -> str:
    """Make one id of one part per shard: it changes when any of them does."""
    if len(parts) == 1:
        return parts[0].decode()
    return hashlib.sha256(b" ".join(parts)).hexdigest()[:16]
