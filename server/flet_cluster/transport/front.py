"""A socket whose session is at another node (layer 3): everything it says goes there, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.relay import MESSAGE

if TYPE_CHECKING:
    from flet_cluster.model import Lease
    from flet_cluster.node.node import Node
    from flet_cluster.transport.handshake import Visitor
    from flet_cluster.transport.outgoing import Outgoing


class Front:
    """The end of a relay that has the browser: a dumb pipe between its websocket and the session's holder.

    Args:
        lease: the holder's.
        out: of the websocket; closed when the relay ends.
        plain: whether the socket speaks plain Flet.
    """

    def __init__(self, node: Node, lease: Lease, visitor: Visitor, out: Outgoing, *, plain: bool) -> None:
        self._out = out
        self._pipe = node.relays.front(lease, {"plain": plain, "visitor": visitor.facts()})
        self._pipe.deliver = self._deliver
        self._pipe.ended = self._ended

    def _deliver(self, n: int, message: str | bytes) -> None:
        self._out.put(message)
        self._pipe.consumed(n)

    def _ended(self, code: int) -> None:
        known = code in frozenset(CloseCode)
        self._out.close(code, CloseCode(code).reason if known else "")

    async def send(self, message: str | bytes) -> None:
        """Pass on what the client said; waits while too much of it is on its way."""
        self._pipe.put(MESSAGE, message)
        await self._pipe.room()

    def close(self, code: int) -> None:
        """The client's socket has ended."""
        self._pipe.close(code)
