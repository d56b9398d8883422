"""A browser tab without a browser: the fake Flutter client behind the real link, over real websockets.

What ``resume.js`` does with sockets, :class:`Tab` does in Python: it reconnects as the close codes say, to
the next of its addresses, and resends what was not acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from typing import TYPE_CHECKING, Any

import websockets
from tests.flet_client import FletClient
from websockets.asyncio.client import ClientConnection, connect

from flet_cluster.protocol.client_link import (
    ClientLink,
    ClientState,
    PayloadReceived,
    ResetReceived,
    Welcomed,
)
from flet_cluster.protocol.close import ClientAction, action
from flet_cluster.protocol.frames import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tests.browser import Browser
    from tests.steps import Step

QUIET_SECONDS = 0.06
RETRY_SECONDS = 0.05


class TabEnded(Exception):
    """The session was reset or stopped; the page would reload."""


class Tab:
    """One page load. Use :func:`open_tab`.

    Attributes:
        node: id of the node that serves it now.
        nodes: every node that welcomed it, in order.
        resumes: how often it came back with nothing lost.
        ended: why the session ended, if it did.
    """

    def __init__(
        self,
        urls: Callable[[], Sequence[str]],
        browser: Browser | None = None,
        token: str | None = None,
        instance: str = "",
    ) -> None:
        self._urls = urls
        self._turn = itertools.count()
        self.client = FletClient(browser)
        self.link = ClientLink(instance or secrets.token_urlsafe(12), token)
        self.socket: ClientConnection | None = None
        self.node = ""
        self.nodes: list[str] = []
        self.resumes = 0
        self.closes: list[int] = []
        self.ended = ""
        self.retry_seconds = RETRY_SECONDS
        self.settles = True
        self.headers = {"Cookie": browser.cookie} if browser is not None and browser.cookie else {}
        self.received = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Connect and register; returns when the page is there."""
        self.send(self.client.register())
        self._runner = asyncio.get_running_loop().create_task(self._run())
        await self.until(lambda: self.client.registered)
        if self.settles:
            await self.settle()

    async def stop(self) -> None:
        """Close the tab."""
        self._stopping = True
        if self.socket is not None:
            await self.socket.close()
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner

    async def do(self, step: Step) -> list[bytes]:
        """Do what a user does, wait until all is quiet, return what the server sent for it."""
        before = len(self.client.packets)
        for packet in self.client.step(step):
            self.send(packet)
        await self.settle()
        return self.client.packets[before:]

    async def settle(self) -> None:
        """Wait until every input is committed and nothing comes any more."""
        await self.until(lambda: self.link.pending == 0)
        while True:
            self.received.clear()
            try:
                await asyncio.wait_for(self.received.wait(), QUIET_SECONDS)
            except TimeoutError:
                if self.link.pending == 0:
                    return

    async def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for something to become true, looking after each message."""
        async with asyncio.timeout(seconds):
            while not condition():
                if self.ended:
                    raise TabEnded(self.ended)
                self.received.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.received.wait(), 0.2)

    async def cut(self) -> None:
        """Lose the socket as a network does: no close frame."""
        if self.socket is not None:
            self.socket.transport.abort()

    def send(self, packet: bytes) -> None:
        """Hand a packet to the link. Raises TabEnded: the page is being reloaded."""
        if self.ended:
            raise TabEnded(self.ended)
        self.link.send(packet)
        if self.link.state is ClientState.OPEN:
            asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self, *, ack: bool = False) -> None:
        socket = self.socket
        if socket is None:
            return
        for message in self.link.data_to_send(ack=ack):
            with contextlib.suppress(websockets.ConnectionClosed):
                await socket.send(message)

    def _next_url(self) -> str:
        urls = self._urls()
        return urls[next(self._turn) % len(urls)]

    async def _run(self) -> None:
        while not self._stopping and not self.ended:
            try:
                async with connect(
                    self._next_url(),
                    subprotocols=[websockets.Subprotocol(SUBPROTOCOL)],
                    max_size=None,
                    compression=None,
                    additional_headers=self.headers,
                ) as socket:
                    await self._serve(socket)
            except (OSError, websockets.WebSocketException, TimeoutError):
                pass
            self.link.disconnected()
            self.socket = None
            self.received.set()
            if not self._stopping:
                await asyncio.sleep(self.retry_seconds)

    async def _serve(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.link.connected()
        await self._flush()
        try:
            async for message in socket:
                self._take(message)
                await self._flush(ack=self.link.ack_due())
        finally:
            code = socket.close_code or 1006
            self.closes.append(code)
            if action(code) in {ClientAction.STOP, ClientAction.RESET} and not self._stopping:
                self.ended = self.ended or f"closed with {code} {socket.close_reason}"

    def _take(self, message: str | bytes) -> None:
        for event in self.link.receive(message):
            if isinstance(event, Welcomed):
                self.node = event.node
                self.nodes.append(event.node)
                self.resumes += event.resumed
            elif isinstance(event, PayloadReceived):
                for reply in self.client.feed(event.payload):
                    self.link.send(reply)
            elif isinstance(event, ResetReceived):
                self.ended = f"reset: {event.reason}"
        self.received.set()


@contextlib.asynccontextmanager
async def open_tab(
    urls: Callable[[], Sequence[str]],
    browser: Browser | None = None,
    token: str | None = None,
    instance: str = "",
    **attributes: Any,
) -> AsyncIterator[Tab]:
    """Open a tab on an app; closes it at the end."""
    tab = Tab(urls, browser, token, instance)
    for name, value in attributes.items():
        setattr(tab, name, value)
    await tab.start()
    try:
        yield tab
    finally:
        await tab.stop()
