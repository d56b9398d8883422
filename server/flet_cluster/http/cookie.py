"""Gives a browser the cookie that its sessions are bound to, with the first page it loads (layer 4).

The websocket handshake gives it too. But tabs that are opened at once would each get another one there, and
only the last would count; a page is loaded well before its socket is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from flet_cluster.node.tokens import new_cookie

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from flet_cluster.transport.binding import BrowserCookie


class BindingCookie:
    """Wraps the web client: documents asked for by a browser without the cookie bring it along.

    Args:
        app: what serves the pages.
        cookie_at: returns the app's cookie for a request: its path is where the app is mounted.
    """

    def __init__(self, app: ASGIApp, cookie_at: Callable[[Scope], BrowserCookie]) -> None:
        self._app = app
        self._cookie_at = cookie_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (cookie := self._due(scope)) is not None:
            await self._app(scope, receive, self._giving(send, cookie, secure=scope.get("scheme") == "https"))
        else:
            await self._app(scope, receive, send)

    def _due(self, scope: Scope) -> BrowserCookie | None:
        """Return the cookie if a browser navigates here and has none yet."""
        request, cookie = HTTPConnection(scope), self._cookie_at(scope)
        if not _navigates(request, into_frames=cookie.framed):
            return None
        return cookie if cookie.value(request) is None else None

    def _giving(self, send: Send, cookie: BrowserCookie, *, secure: bool) -> Send:
        """Add the cookie to the answer, and keep shared caches from giving it to others."""

        async def with_cookie(message: Message) -> None:
            """Pass a message on."""
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("set-cookie", cookie.header(new_cookie(), secure=secure))
                headers["cache-control"] = "private, no-cache"
            await send(message)

        return with_cookie


def _navigates(request: HTTPConnection, *, into_frames: bool) -> bool:
    """Whether a page is asked for. Over plain HTTP browsers say so only in what they accept."""
    kind = request.headers.get("sec-fetch-dest")
    if kind is None:
        return "text/html" in request.headers.get("accept", "")
    return kind == "document" or (into_frames and kind in {"iframe", "frame", "embed", "object"})
