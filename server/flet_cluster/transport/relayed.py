"""A socket that is at another node (layer 3): the holder's end, and how the other node describes it.

The holder runs its ordinary link over something that looks like a websocket and is a relay. So welcome,
resume, replay, acknowledgements and pings are what they are everywhere.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from flet_cluster.host.connection import ClientInfo
from flet_cluster.protocol.close import CUT, NORMAL, OURS
from flet_cluster.protocol.relay import MESSAGE
from flet_cluster.transport.binding import BrowserCookie
from flet_cluster.transport.handshake import Visitor
from flet_cluster.transport.link_socket import LinkSocket
from flet_cluster.transport.plain_socket import PlainSocket

if TYPE_CHECKING:
    from flet_cluster.node.node import Node
    from flet_cluster.node.pipe import Pipe
    from flet_cluster.node.seat import Seat, Socket


class RelayedWire:
    """Looks like an accepted websocket; its other side is at another node."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._messages: asyncio.Queue[tuple[int, dict[str, Any]]] = asyncio.Queue()
        pipe.deliver = self._deliver
        pipe.ended = self._ended

    def _deliver(self, n: int, message: str | bytes) -> None:
        """Queue a message of the client; how many there may be is bounded by the relay's window."""
        kind = "text" if isinstance(message, str) else "bytes"
        self._messages.put_nowait((n, {"type": "websocket.receive", kind: message}))

    def _ended(self, code: int) -> None:
        # Only the client's own goodbye is one: whatever ended the relay, its user may come back.
        told = code if code < OURS else CUT
        self._messages.put_nowait((0, {"type": "websocket.disconnect", "code": told}))

    async def receive(self) -> dict[str, Any]:
        """Return the next message, as a websocket does."""
        n, message = await self._messages.get()
        self._pipe.consumed(n)
        return message

    async def send_text(self, data: str) -> None:
        """Send text; waits while too much is on its way."""
        self._pipe.put(MESSAGE, data)
        await self._pipe.room()

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes; waits while too much is on its way."""
        self._pipe.put(MESSAGE, data)
        await self._pipe.room()

    async def close(self, code: int = NORMAL, reason: str | None = None) -> None:
        """End the relay, and with it the client's socket."""
        del reason
        self._pipe.close(code)
        self._messages.put_nowait((0, {"type": "websocket.disconnect", "code": code}))


def serve_relayed(node: Node, seat: Seat, pipe: Pipe, opening: dict[str, Any]) -> Socket:
    """Serve a session of this node to a client whose socket is at another one; returns the seat's socket."""
    wire, visitor = RelayedWire(pipe), _visitor(opening["visitor"])
    kind = PlainSocket if opening["plain"] else LinkSocket
    socket: LinkSocket | PlainSocket = kind(node, wire, visitor, held=seat)
    node.spawn(socket.run())
    return socket


def _visitor(facts: dict[str, Any]) -> Visitor:
    """Read what :meth:`Visitor.facts` wrote."""
    return Visitor(
        ClientInfo(**facts["client"]),
        facts["cookie"],
        fresh_cookie=False,
        secure=facts["secure"],
        binding=BrowserCookie(**facts["binding"]),
    )
