"""The websocket endpoint: who may come in, and which of the two protocols it speaks (layer 3)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flet_cluster.protocol.frames import SUBPROTOCOL
from flet_cluster.transport.handshake import origin_allowed, visitor_of
from flet_cluster.transport.link_socket import LinkSocket
from flet_cluster.transport.plain_socket import PlainSocket

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from flet_cluster.node.node import Node
    from flet_cluster.protocol.close import CloseCode
    from flet_cluster.transport.binding import BrowserCookie

logger = logging.getLogger("flet_cluster.transport")

FORBIDDEN = 1008


async def refuse(websocket: WebSocket, code: CloseCode) -> None:
    """Send a client away with a code that says what to do; only an open socket can carry one."""
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    await websocket.close(code, code.reason)


async def serve(node: Node, websocket: WebSocket, binding: BrowserCookie) -> None:
    """Serve one websocket from handshake to close.

    Args:
        node: the app's node in this process.
        websocket: not accepted yet.
        binding: the cookie that ties the app's sessions to a browser.
    """
    headers = websocket.headers
    origin = headers.get("origin")
    allowed = node.settings.allowed_origins
    if not origin_allowed(origin, headers.get("host", ""), websocket.url.scheme, allowed):
        logger.warning(
            "refused a websocket from origin %s; allow it with FLET_CLUSTER_ALLOWED_ORIGINS", origin
        )
        node.observer.count("refused", reason="origin")
        await websocket.close(FORBIDDEN)  # before accept: the handshake is answered with 403
        return
    visitor = visitor_of(websocket, binding)
    if SUBPROTOCOL in websocket.scope.get("subprotocols", []):
        await websocket.accept(SUBPROTOCOL, headers=visitor.headers())
        await LinkSocket(node, websocket, visitor).run()
    else:
        await websocket.accept(headers=visitor.headers())
        await PlainSocket(node, websocket, visitor).run()
