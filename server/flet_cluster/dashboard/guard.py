"""Lets only those to the dashboard who know its password: pages, files and websockets (layer 4).

A request without a ticket never reaches the dashboard's own application. Which path it asks for makes no
difference: the page with the password's form is the answer for people, 401 for everything else.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.websockets import WebSocket

from flet_cluster import passwords
from flet_cluster.dashboard.login import HEADERS, form
from flet_cluster.errors import ClusterError
from flet_cluster.protocol.close import CloseCode
from flet_cluster.transport.endpoint import FORBIDDEN, refuse
from flet_cluster.transport.handshake import origin_allowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from flet_cluster.dashboard.attempts import Attempts
    from flet_cluster.dashboard.tickets import TicketCookie, Tickets

_LOG = logging.getLogger("flet_cluster.dashboard")

_LONGEST_FORM = 8192
_LOGOUT = "/logout"
_NOT_OURS = (
    "This request comes from a page of another site; or a proxy in front does not pass on the browser's Host "
    "header, as it has to (nginx: proxy_set_header Host $http_host)."
)
_PASSED_ON = ("Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options")
_NO_FRAMES = "frame-ancestors 'none'"


class Guard:
    """Stands before the dashboard's application.

    Args:
        app: what is protected.
        title: name of the user's app, for the form.
        password: the setting, see :mod:`flet_cluster.passwords`.
        tickets: makes and reads what the cookie holds.
        cookie_at: returns the cookie for a request: its path is where the dashboard is mounted.
        attempts: lets passwords be tried.
    """

    def __init__(  # noqa: PLR0913, PLR0917  its parts
        self,
        app: ASGIApp,
        title: str,
        password: str,
        tickets: Tickets,
        cookie_at: Callable[[Scope], TicketCookie],
        attempts: Attempts,
    ) -> None:
        self._app = app
        self._title = title
        self._password = password
        self._tickets = tickets
        self._cookie_at = cookie_at
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a websocket, or send it away."""
        connection = HTTPConnection(scope)
        ticket = connection.cookies.get(self._cookie_at(scope).name)
        left = self._tickets.left(ticket)
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send, left, known=ticket is not None)
        elif scope["type"] == "http":
            answer = await self._answer(Request(scope, receive), left)
            if answer is None:
                await self._app(scope, receive, _hardened(send))
            else:
                await answer(scope, receive, send)

    # -- pages and files --------------------------------------------------------------------------

    async def _answer(self, request: Request, left: float) -> Response | None:
        """Return the answer to a request that does not reach the dashboard; None for one that does."""
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        if path == _LOGOUT and _is_own(request):
            return self._logged_out(request)
        if left:
            return _to_itself(request) if request.method == "POST" else None
        if request.method == "POST":
            return await self._log_in(request)
        if _navigates(request):
            return form(self._title)
        return PlainTextResponse("Sign in to the dashboard first.", 401, dict(HEADERS))

    async def _log_in(self, request: Request) -> Response:
        """Take a form with a password."""
        if not _is_own(request):
            return PlainTextResponse(_NOT_OURS, 403, dict(HEADERS))
        typed = await _password_in(request)
        if typed is None:
            return form(self._title)
        address = request.client.host if request.client else ""
        bearer = self._tickets.bearer(request.cookies.get(self._cookie_at(request.scope).name))
        try:
            attempt = await self._attempts.take(address, bearer)
            if attempt is None:
                _LOG.warning("sign-in to the dashboard: %s tries too many passwords", address)
                answer = form(self._title, 429, "Too many attempts. Wait a minute, then try again.")
                answer.headers["Retry-After"] = "60"
                return answer
            if not await asyncio.to_thread(passwords.matches, self._password, typed):
                _LOG.warning("sign-in to the dashboard: wrong password from %s", address)
                return form(self._title, 401, "This is not the password.")
            await self._attempts.give_back(attempt)
        except ClusterError as error:
            _LOG.error("sign-in to the dashboard: %s", error)
            return form(self._title, 503, "The cluster's store does not answer. Try again.")
        _LOG.info("sign-in to the dashboard from %s", address)
        return self._with_cookie(_to_itself(request), request, self._tickets.new())

    def _logged_out(self, request: Request) -> Response:
        answer = RedirectResponse("./", 303, dict(HEADERS))
        return self._with_cookie(answer, request, "")

    def _with_cookie(self, answer: Response, request: Request, ticket: str) -> Response:
        cookie = self._cookie_at(request.scope)
        answer.headers.append("Set-Cookie", cookie.header(ticket, secure=request.url.scheme == "https"))
        return answer

    # -- websockets -------------------------------------------------------------------------------

    async def _socket(self, scope: Scope, receive: Receive, send: Send, left: float, *, known: bool) -> None:
        """Serve a websocket of the dashboard's own page until its ticket ends."""
        websocket = WebSocket(scope, receive, send)
        if not known or not _opened_by_own_page(websocket):
            await websocket.close(FORBIDDEN)  # before accept: the handshake is answered with 403
        elif not left:
            await refuse(websocket, CloseCode.REFUSED)  # its page loads anew, and gets the form
        else:
            await self._app(scope, _ending(receive, send, left), send)


def _ending(receive: Receive, send: Send, seconds: float) -> Receive:
    """Return a websocket's ``receive`` for a ticket that is good for so long."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def receive_until() -> Message:
        """Return the next message; the last one is that the ticket has ended."""
        try:
            async with asyncio.timeout_at(end):
                return await receive()
        except TimeoutError:
            code = CloseCode.REFUSED
            await send({"type": "websocket.close", "code": int(code), "reason": code.reason})
            return {"type": "websocket.disconnect", "code": int(code)}

    return receive_until


def _opened_by_own_page(connection: HTTPConnection) -> bool:
    """Whether a page of this very host asks; who does not say so has no business here."""
    origin, host = connection.headers.get("origin"), connection.headers.get("host", "")
    return origin is not None and origin_allowed(origin, host, connection.url.scheme, ())


def _is_own(request: Request) -> bool:
    """Whether no page of another site has sent a request."""
    site = request.headers.get("sec-fetch-site", "none")
    own_origin = "origin" not in request.headers or _opened_by_own_page(request)
    return site in {"none", "same-origin"} and own_origin


def _navigates(request: Request) -> bool:
    """Whether a page is asked for. Over plain HTTP browsers say so only in what they accept."""
    kind = request.headers.get("sec-fetch-dest")
    return kind == "document" if kind is not None else "text/html" in request.headers.get("accept", "")


async def _password_in(request: Request) -> str | None:
    """Read the form, however much it is that somebody sends; None if it holds no password."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST_FORM:
                return None
    except ClientDisconnect:
        return None
    found: list[Any] = parse_qs(body.decode("utf-8", "replace")).get("password", [])
    return str(found[0]) if found else None


def _to_itself(request: Request) -> Response:
    """Have the browser ask again for the page that the form was on. Only it knows what proxies take away."""
    name = request.url.path.rpartition("/")[2]
    return RedirectResponse(f"./{name}", 303, dict(HEADERS))


def _hardened(send: Send) -> Send:
    """Keep what the dashboard answers out of frames of other pages and out of shared caches."""

    async def hardened(message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name in _PASSED_ON:
                headers[name] = HEADERS[name]
            headers["Content-Security-Policy"] = _NO_FRAMES
            headers["Cache-Control"] = headers.get("cache-control", "no-cache").replace("public", "private")
        await send(message)

    return hardened
