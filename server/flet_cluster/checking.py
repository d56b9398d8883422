"""``flet-cluster check URL``: visits an app as a browser does, and comes back elsewhere (layer 5).

It opens a session, waits for its page, cuts the socket, and connects again until another node goes on with
the session; then it sends an input and waits until that is committed there. To the app it is a visitor like
any other. No part of Flet is imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import msgpack
import websockets
from websockets.asyncio.client import ClientConnection, connect

from flet_cluster.errors import CheckFailed, SettingsError
from flet_cluster.protocol.client_link import ClientLink, PayloadReceived, ResetReceived, Welcomed
from flet_cluster.protocol.close import ClientAction, action
from flet_cluster.protocol.frames import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Callable

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_PAUSE = 0.2
"""Seconds between two attempts."""
_REGISTER, _UPDATE_PROPS, _INVOKE = 1, 4, 5
"""Flet's actions."""
_PAGE = 1
_PAGE_PROPS = {
    "route": "/",
    "web": True,
    "platform": "linux",
    "platform_brightness": "light",
    "window": {},
    **dict.fromkeys(("pwa", "debug", "wasm", "test", "multi_view", "pyodide"), False),
    "width": 1280,
    "height": 720,
}
_NO_BROWSER = "flet-cluster check is no browser"


def check(
    url: str, endpoint: str, timeout: float, say: Callable[[str], None], *, other_node: bool = True
) -> None:
    """Open a session and resume it.

    Args:
        url: the app's address, ``http://app.example/``.
        endpoint: path of the socket below it.
        timeout: seconds for all of it; what fails meanwhile is tried again.
        say: receives lines for the operator.
        other_node: whether it has to be resumed on another node than the one it was opened on.

    Raises:
        SettingsError: the URL is none.
        CheckFailed: it did not work; says what was seen.
    """
    visitor = _Visitor(socket_url(url, endpoint), say)
    asyncio.run(visitor.run(timeout, other_node=other_node))


def socket_url(url: str, endpoint: str) -> str:
    """Return where an app's socket is.

    Raises:
        SettingsError: the URL has no host, or another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise SettingsError(f"{url!r} is not the address of an app; one looks like http://app.example/")
    path = f"{parts.path.rstrip('/')}/{endpoint}"
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, "", ""))


class _Again(Exception):
    """An attempt came to nothing; the next one may not."""


class _Visitor:
    """One page load of a browser that only looks."""

    def __init__(self, url: str, say: Callable[[str], None]) -> None:
        self._url = url
        self._say = say
        self._link = ClientLink(secrets.token_urlsafe(12))
        self._cookies: SimpleCookie = SimpleCookie()
        self._node = ""
        self._resumed = False
        self._has_page = False
        self._trouble = "no node has answered"

    async def run(self, timeout: float, *, other_node: bool) -> None:  # noqa: ASYNC109 - it becomes an answer
        """Do it all."""
        try:
            async with asyncio.timeout(timeout):
                first = await self._open()
                second = await self._resume(first, other_node=other_node)
        except TimeoutError:
            raise CheckFailed(f"{self._url}: not done after {timeout:g} s; {self._trouble}.") from None
        self._say(f"Resumed on node {second}: nothing was lost, and it takes input.")

    async def _open(self) -> str:
        """Get a session and its page; returns the node's id."""
        page = {"session_id": None, "page_name": "", "page": _PAGE_PROPS}
        self._link.send(_packet(_REGISTER, page))
        await self._until(lambda: self._has_page and self._link.pending == 0, "its page does not come")
        self._say(f"A session was opened on node {self._node}.")
        return self._node

    async def _resume(self, first: str, *, other_node: bool) -> str:
        """Come back until it is elsewhere; returns the id of the node that goes on."""
        while True:
            self._resumed = False
            await self._until(lambda: self._resumed, "nobody goes on with the session")
            if self._node != first or not other_node:
                break
            self._trouble = f"every connection leads to node {first}. Is there another, and no stickiness?"
            await asyncio.sleep(_PAUSE)
        resized = {"id": _PAGE, "props": {"width": 1281}}
        self._link.send(_packet(_UPDATE_PROPS, resized))
        await self._until(lambda: self._link.pending == 0, "what it is sent is not committed")
        return self._node

    async def _until(self, done: Callable[[], bool], otherwise: str) -> None:
        """Keep a connection, or open others, until something is so; then cut it as networks do."""
        while not done():
            try:
                await self._connection(done)
            except (OSError, websockets.WebSocketException, _Again) as error:
                self._trouble = f"{otherwise}: {error}"
                await asyncio.sleep(_PAUSE)

    async def _connection(self, done: Callable[[], bool]) -> None:
        """Be connected once."""
        options: dict[str, Any] = {"max_size": None, "compression": None}
        cookie = self._cookies.output(attrs=[], header="", sep=";").strip()
        headers = {"Cookie": cookie} if cookie else {}
        protocols = [websockets.Subprotocol(SUBPROTOCOL)]
        async with connect(
            self._url, subprotocols=protocols, additional_headers=headers, **options
        ) as socket:
            if socket.subprotocol != SUBPROTOCOL:
                raise CheckFailed(f"{self._url} answers, but is no flet-cluster.")
            self._keep_cookies(socket)
            self._link.connected()
            try:
                await self._talk(socket, done)
            finally:
                self._link.disconnected()
                socket.transport.abort()

    def _keep_cookies(self, socket: ClientConnection) -> None:
        """A session belongs to the browser that shows its cookie."""
        assert socket.response is not None
        for header in socket.response.headers.get_all("Set-Cookie"):
            self._cookies.load(header)

    async def _talk(self, socket: ClientConnection, done: Callable[[], bool]) -> None:
        """Send and receive until it is done, or the socket ends."""
        await self._flush(socket)
        with contextlib.suppress(websockets.ConnectionClosed):
            while not done():
                self._take(await socket.recv())
                await self._flush(socket)
            return
        code, why = socket.close_code or 0, f"closed with {socket.close_code} {socket.close_reason}"
        if action(code) in {ClientAction.STOP, ClientAction.RESET}:
            raise CheckFailed(f"{self._url}: {why}. The node's log says more.")
        raise _Again(why)

    async def _flush(self, socket: ClientConnection) -> None:
        for message in self._link.data_to_send(ack=self._link.ack_due()):
            await socket.send(message)

    def _take(self, message: str | bytes) -> None:
        for event in self._link.receive(message):
            if isinstance(event, Welcomed):
                self._node, self._resumed = event.node, event.resumed or self._resumed
            elif isinstance(event, ResetReceived):
                raise CheckFailed(f"{self._url}: the session was lost ({event.reason}).")
            elif isinstance(event, PayloadReceived):
                self._answer(event.payload)

    def _answer(self, packet: bytes) -> None:
        """Note the page; tell whoever wants something of a browser that this is none."""
        kind, body = msgpack.unpackb(packet[1:], strict_map_key=False)
        if kind == _REGISTER:
            if body.get("error"):
                raise CheckFailed(f"{self._url}: the app failed: {body['error']}")
            self._has_page = True
        elif kind == _INVOKE:
            reply = {key: body.get(key) for key in ("control_id", "call_id")}
            self._link.send(_packet(_INVOKE, {**reply, "result": None, "error": _NO_BROWSER}))


def _packet(kind: int, body: dict[str, Any]) -> bytes:
    """Build a packet of Flet's protocol."""
    packed: bytes = msgpack.packb([kind, body])
    return b"\0" + packed
