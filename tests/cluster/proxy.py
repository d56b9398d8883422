"""A wire between a tab and a node that a test can break in ways a socket alone cannot."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fleet import FleetNode


TEXT, BINARY, CLOSE = 1, 2, 8
"""Opcodes of websocket frames."""


@dataclass
class Proxy:
    """Forwards bytes until told otherwise.

    Attributes:
        late: what the node sent after the wire was broken; nobody else has seen it.
    """

    node: FleetNode
    port: int = 0
    late: bytes = b""
    _deaf: bool = False
    _dumb: bool = False
    _clients: set[asyncio.StreamWriter] = field(default_factory=set)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Address of the node's socket, through this wire."""
        return f"ws://127.0.0.1:{self.port}/ws"

    def lose_output(self) -> None:
        """From now on nothing the node sends arrives; what the tab sends still does."""
        self._dumb = True

    def hang(self) -> None:
        """From now on nothing arrives on either side, and both sockets look alive."""
        self._dumb = self._deaf = True

    def drop_client(self) -> None:
        """The tab's side ends; for the node the socket still looks alive."""
        self.hang()
        for writer in self._clients:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        self._clients.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)  # asyncio holds no task: the collector takes one that only waits for a socket
        above, below = await asyncio.open_connection("127.0.0.1", self.node.port)
        up = asyncio.create_task(self._up(reader, below))
        with contextlib.suppress(asyncio.CancelledError):  # the test is over
            await self._down(above, writer)
        up.cancel()
        below.transport.abort()
        writer.transport.abort()

    async def stop(self) -> None:
        """End all connections."""
        self.drop_client()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _up(self, reader: asyncio.StreamReader, below: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not self._deaf:
                    below.write(data)
                    await below.drain()
        if not self._deaf:
            below.transport.abort()

    async def _down(self, above: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await above.read(65536):
                if self._dumb:
                    self.late += data
                else:
                    writer.write(data)


@contextlib.asynccontextmanager
async def wire_to(node: FleetNode) -> AsyncIterator[Proxy]:
    """A fresh wire to a node."""
    proxy = Proxy(node)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Take apart what a server sent: (opcode, payload) of each websocket frame."""
    found = []
    while data:
        size, start = data[1], 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        found.append((data[0] & 0x0F, bytes(data[start : start + size])))
        data = data[start + size :]
    return found


def close_code(data: bytes) -> int | None:
    """The code of the close frame in what a server sent, if there is one."""
    return next((int.from_bytes(body[:2], "big") for opcode, body in frames(data) if opcode == CLOSE), None)
