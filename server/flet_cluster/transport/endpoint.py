"""The websocket endpoint: who may come in, and which of the two protocols it speaks (layer 3)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flet_cluster.protocol.frames import SUBPROTOCOL
from flet_cluster.transport.handshake import origin_allowed, visitor_of
from flet_cluster.transport.link_socket import LinkSocket
from flet_cluster.transport.plain_socket import PlainSocket
from flet_cluster.transport.seldom import Seldom

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from flet_cluster.host.entry import Entry
    from flet_cluster.node.node import Node
    from flet_cluster.protocol.close import CloseCode
    from flet_cluster.transport.binding import BrowserCookie

logger = logging.getLogger("flet_cluster.transport")

FORBIDDEN = 1008
_LONGEST_ORIGIN = 200

_refusals = Seldom(60.0, 64)
"""A browser that is refused cannot read why, and tries again for as long as its page is open."""


async def refuse(websocket: WebSocket, code: CloseCode) -> None:
    """Send a client away with a code that says what to do; only an open socket can carry one."""
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    await websocket.close(code, code.reason)


async def serve(node: Node, websocket: WebSocket, binding: BrowserCookie, entry: Entry | None = None) -> None:
    """Serve one websocket from handshake to close.

    Args:
        node: the app's node in this process.
        websocket: not accepted yet.
        binding: the cookie that ties the app's sessions to a browser.
        entry: what a session begins with that this socket begins; None for the program's own.
    """
    if not _may_come(node, websocket):
        await websocket.close(FORBIDDEN)  # before accept: the handshake is answered with 403
        return
    visitor = visitor_of(websocket, binding)
    if SUBPROTOCOL in websocket.scope.get("subprotocols", []):
        await websocket.accept(SUBPROTOCOL, headers=visitor.headers())
        _forget_request(websocket)
        await LinkSocket(node, websocket, visitor, entry).run()
    else:
        await websocket.accept(headers=visitor.headers())
        _forget_request(websocket)
        await PlainSocket(node, websocket, visitor, entry).run()


def _explain(websocket: WebSocket, origin: str, now: float) -> None:
    """Tell the operator why pages of an origin get no socket, now and then."""
    origin = origin[:_LONGEST_ORIGIN]
    if _refusals.due(origin, now):
        logger.warning(
            "refused a websocket: it was opened by a page of %s, while the app was asked for as %s://%.200s. "
            "If that page is yours, set FLET_CLUSTER_ALLOWED_ORIGINS=%s; if it is the app's own, let the "
            "proxy pass the header Host on",
            origin,
            websocket.url.scheme,
            websocket.headers.get("host", ""),
            origin,
        )


def _may_come(node: Node, websocket: WebSocket) -> bool:
    """Whether the page that opens the socket may; if not, the log says so."""
    headers, allowed = websocket.headers, node.settings.allowed_origins
    origin = headers.get("origin")
    if origin_allowed(origin, headers.get("host", ""), websocket.url.scheme, allowed):
        return True
    _explain(websocket, origin or "", node.loop.time())
    node.observer.count("refused", reason="origin")
    return False


def _forget_request(websocket: WebSocket) -> None:
    """Keep no headers for as long as the socket is open: some 4 kB, and all that is needed was read."""
    websocket.scope["headers"] = []
    for name in ("_headers", "_url", "_cookies", "_query_params"):  # where Starlette keeps what it has parsed
        vars(websocket).pop(name, None)
