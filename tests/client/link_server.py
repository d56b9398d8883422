"""A node for browser tests: serves a page with resume.js and speaks the link, with faults on request.

Sessions outlive sockets, as if each socket reached another node with the same record. An input ``b"\\0n"`` is
handled by counting it and answering ``b"\\0echo n"``; ``REGISTER`` is answered with the whole page.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

import flet_cluster
from flet_cluster.errors import ProtocolError
from flet_cluster.protocol import (
    PLAIN_SUBPROTOCOL,
    SUBPROTOCOL,
    CloseCode,
    Limits,
    LinkState,
    Outbox,
    ServerLink,
)
from flet_cluster.protocol.link import Acknowledged, DatagramReceived, HelloReceived, InputReceived

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flet_cluster.protocol.frames import Hello

RESUME_JS = (Path(flet_cluster.__file__).parent / "client" / "resume.js").read_bytes()
PAGE = (Path(__file__).parent / "page.html").read_bytes()
LIMITS = Limits(max_unacked_frames=8, max_frame=1000)


@dataclass
class Session:
    """One record: what was handled, and the link's counters."""

    token: str
    instance: str = ""
    rx: int = 0
    handled: list[str] = field(default_factory=list)
    outbox: Outbox = field(default_factory=lambda: Outbox(LIMITS))
    waiting: list[tuple[int, bytes]] = field(default_factory=list)

    def handle(self, seq: int, payload: bytes) -> None:
        if seq <= self.rx:
            return
        self.rx = seq
        text = payload[1:].decode()
        if text != "REGISTER":
            self.handled.append(text)
        if text == "REGISTER":
            self.show_page()
        else:
            self._say(f"\0echo {text}")

    def show_page(self) -> None:
        self._say(f"\0page {len(self.handled)}")

    def _say(self, text: str) -> None:
        self.waiting.append((self.outbox.append(text.encode()), text.encode()))


class LinkServer:
    """The server, with switches for faults.

    ``mute``: say nothing; ``hold``: commit nothing; ``refuse``: no upgrades; ``plain``: no link; ``trimmed``:
    what a page has missed is not kept, it gets the whole page with the next commit.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.live: dict[ServerConnection, tuple[ServerLink, Session | None]] = {}
        self.hellos: list[Hello] = []
        self.datagrams: list[bytes] = []
        self.plain_messages: list[str | bytes] = []
        self.mute = self.hold = self.refuse = self.plain = self.trimmed = False
        self.attempts = 0
        self._tokens = (f"token-{n}" for n in itertools.count(1))
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol(SUBPROTOCOL), Subprotocol(PLAIN_SUBPROTOCOL)],
            select_subprotocol=self._select,
            process_request=self._http,
            ping_interval=None,
            close_timeout=0.2,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self.cut()
        self._server.close()
        await self._server.wait_closed()

    @property
    def origin(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    # -- faults

    def cut(self) -> None:
        """Cut every socket, without a close frame."""
        for connection in list(self.live):
            connection.transport.abort()

    async def close(self, code: int, reason: str = "") -> None:
        for connection in list(self.live):
            await connection.close(code, reason)

    async def commit(self) -> None:
        """Commit what ``hold`` kept back."""
        self.hold = False
        for connection, (link, session) in list(self.live.items()):
            if session is not None:
                self._commit(link, session)
            await self._flush(connection, link)

    async def push(self, payload: bytes) -> None:
        """Output that no input caused; sent as a datagram if it looks like one."""
        for connection, (link, session) in list(self.live.items()):
            if payload[0] == 1:
                link.send_datagram(payload)
            elif session is not None:
                session.waiting.append((session.outbox.append(payload), payload))
                self._commit(link, session)
            await self._flush(connection, link)

    # -- http and sockets

    def _http(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            self.attempts += 1
            if self.refuse:
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "no\n")
            return None
        body = {"/": PAGE, "/resume.js": RESUME_JS}.get(request.path.split("?")[0], b"")
        kind = "text/javascript" if request.path.endswith(".js") else "text/html"
        headers = Headers([("Content-Type", kind), ("Content-Length", str(len(body)))])
        return Response(200, "OK", headers, body)

    def _select(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        if not offered:
            return None
        return Subprotocol(PLAIN_SUBPROTOCOL if self.plain else SUBPROTOCOL)

    async def _serve(self, connection: ServerConnection) -> None:
        if connection.subprotocol != SUBPROTOCOL:
            async for message in connection:
                self.plain_messages.append(message)
                await connection.send(message)
            return
        link = ServerLink(LIMITS)
        self.live[connection] = (link, None)
        try:
            with suppress(ConnectionClosed):
                await self._run(connection, link)
        finally:
            del self.live[connection]

    async def _run(self, connection: ServerConnection, link: ServerLink) -> None:
        async for message in connection:
            if self.mute:
                continue
            try:
                for event in link.receive(message):
                    self._on_event(connection, link, event)
            except ProtocolError as error:
                await connection.close(error.code, error.reason)
                return
            await self._flush(connection, link)
            if link.close_code is not None:
                await connection.close(link.close_code, link.close_reason)
                return

    def _on_event(self, connection: ServerConnection, link: ServerLink, event: object) -> None:
        if isinstance(event, HelloReceived):
            self._hello(connection, link, event.hello)
            return
        session = self.live[connection][1]
        if isinstance(event, DatagramReceived):
            self.datagrams.append(event.payload)
        elif session is not None and isinstance(event, InputReceived):
            session.handle(event.seq, event.payload)
            if not self.hold:
                self._commit(link, session)
        elif session is not None and isinstance(event, Acknowledged):
            session.outbox.acknowledge(event.seq)

    def _hello(self, connection: ServerConnection, link: ServerLink, hello: Hello) -> None:
        self.hellos.append(hello)
        if hello.token is None:
            session = Session(next(self._tokens))
            self.sessions[session.token] = session
        elif hello.token not in self.sessions:
            link.reset("expired")
            return
        else:
            session = self.sessions[hello.token]
        self.live[connection] = (link, session)
        resumed = session.instance == hello.instance
        if not resumed:
            session.instance, session.rx, session.outbox = hello.instance, 0, Outbox(LIMITS)
        session.waiting.clear()
        if resumed and self.trimmed:
            session.outbox.restart()
            link.welcome(session.token, "node", session.rx, resumed=False, tx=session.outbox.tx)
            session.show_page()
            if not self.hold:
                self._commit(link, session)
            return
        replay = session.outbox.replay(hello.rx)
        assert replay is not None
        link.welcome(session.token, "node", session.rx, resumed=resumed, replay=replay)

    def _commit(self, link: ServerLink, session: Session) -> None:
        if link.state is LinkState.OPEN:
            link.release(session.waiting)
            session.waiting.clear()
            link.acknowledge(min(session.rx, link.received))

    async def _flush(self, connection: ServerConnection, link: ServerLink) -> None:
        for message in link.data_to_send():
            with suppress(ConnectionClosed):
                await connection.send(message)


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition that spans a browser and a server: no event of ours says when it holds."""
    try:
        async with asyncio.timeout(15):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


__all__ = ["CloseCode", "LinkServer", "Session", "until"]
