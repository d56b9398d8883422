"""The shortest way for an app's websockets (layer 5: knows FastAPI, nothing of nodes).

A framework keeps a dozen coroutines, exit stacks and request objects for every open socket: some 15 kB for as
long as a user looks at a page. An app's own socket needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    Serve = Callable[[WebSocket], Awaitable[None]]


class Front(FastAPI):
    """An application that serves one path's websockets before any routing.

    Not when somebody has added middleware: that is asked first, and the socket is found as any other route.

    Args:
        path: the endpoint, with its leading slash, below the application.
        serve: serves a websocket from handshake to close.
    """

    def __init__(self, path: str, serve: Serve, **options: Any) -> None:
        super().__init__(**options)
        self._socket_path = path
        self._serve = serve
        self.websocket(path)(_annotated(serve))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a websocket."""
        own = scope["type"] == "websocket" and not self.user_middleware
        if own and scope["path"].removeprefix(scope.get("root_path", "")) == self._socket_path:
            await self._serve(WebSocket(scope, receive, send))
        else:
            await super().__call__(scope, receive, send)


def _annotated(serve: Serve) -> Callable[[WebSocket], Awaitable[None]]:
    """Return the function in the form from which FastAPI reads what to pass."""

    async def socket(websocket: WebSocket) -> None:
        """Serve one client."""
        await serve(websocket)

    return socket
