"""Exchanging packed commands for replies (layer 2).

redis-py packs commands in Python and sets a timer for every single reply; for commits of 18 arguments that
costs more than the rest together. Here hiredis packs, and one timer guards the whole exchange. Connections,
log-in, TLS and the topology of a cluster stay redis-py's business.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol, cast

import hiredis
from redis.exceptions import AskError, RedisClusterException, ResponseError, TryAgainError

from flet_cluster.stores.connect import RedisCluster, connect

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = str | bytes | int | float


class Command(Protocol):
    """What is sent."""

    @property
    def args(self) -> tuple[Value, ...]:
        """The words of the command."""

    @property
    def packed(self) -> bytes:
        """The same as bytes for the server."""

    @property
    def key(self) -> str:
        """A key of it, which decides where it goes."""


class Wire(Protocol):
    """A server or a cluster."""

    client: Any

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send the commands; a reply may be an exception. Raises whatever stopped the exchange as a whole."""

    async def look_around(self) -> None:
        """Something was wrong: read the topology again before the next exchange."""

    async def close(self) -> None:
        """Close every connection."""


def pack(args: tuple[Value, ...]) -> bytes:
    """Encode a command."""
    packed: bytes = hiredis.pack_command(cast("Any", args))
    return packed


def open_wire(url: str, *, timeout: float) -> Wire:
    """Make the wire for a URL; nothing is sent yet."""
    client = connect(url, socket_timeout=timeout)
    return ClusterWire(client, timeout) if isinstance(client, RedisCluster) else SingleWire(client, timeout)


class SingleWire:
    """One server."""

    def __init__(self, client: Any, timeout: float) -> None:
        self.client = client
        self._timeout = timeout

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send all, then read all."""
        pool = self.client.connection_pool
        async with asyncio.timeout(self._timeout):
            connection = await pool.get_connection()
            try:
                return await _talk(connection, commands)
            finally:
                await pool.release(connection)

    async def look_around(self) -> None:
        """There is nowhere else to look."""

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()


class ClusterWire:
    """The primaries of a cluster; every command has a key that says which."""

    def __init__(self, client: Any, timeout: float) -> None:
        self.client = client
        self._timeout = timeout

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send each primary its share, all at the same time."""
        async with asyncio.timeout(self._timeout):
            await self.client.initialize()
        shares: dict[Any, list[Command]] = defaultdict(list)
        replies: dict[int, Any] = {}
        for command in commands:
            try:
                shares[self.client.get_node_from_key(command.key)].append(command)
            except RedisClusterException as error:  # nobody serves its slot at present
                replies[id(command)] = error
        for part in await asyncio.gather(*(self._exchange(node, share) for node, share in shares.items())):
            replies.update({id(command): reply for command, reply in part})
        return [replies[id(command)] for command in commands]

    async def _exchange(self, node: Any, commands: list[Command]) -> list[tuple[Command, Any]]:
        """Talk to one primary. Its trouble must not become that of the others, so it is returned."""
        try:
            async with asyncio.timeout(self._timeout):
                connection = node.acquire_connection()
                try:
                    replies = await _talk(connection, commands)
                finally:
                    node.release(connection)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for a reply
            return [(command, error) for command in commands]
        return [(c, await self._redirect(c, r)) for c, r in zip(commands, replies, strict=True)]

    async def _redirect(self, command: Command, reply: Any) -> Any:
        """Let redis-py follow a slot that is on the move or has moved."""
        if not isinstance(reply, (AskError, TryAgainError)):
            return reply
        try:
            return await self.client.execute_command(*command.args)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for a reply
            return error

    async def look_around(self) -> None:
        """Forget the topology; the next exchange reads it from whichever server answers."""
        await self.client.aclose()

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()


async def _talk(connection: Any, commands: Sequence[Command]) -> list[Any]:
    try:
        await connection.send_packed_command([command.packed for command in commands])
        return [await _read(connection) for _ in commands]
    except BaseException:
        # Replies may be on their way still: nobody may use this connection again.
        await connection.disconnect(nowait=True)
        raise


async def _read(connection: Any) -> Any:
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error
