"""Drives a session over plain Flet: a websocket without subprotocol, as Flet's own clients speak it.

Nothing in Flet says "that was all". Who knows more passes a :data:`Settle`: :func:`arrived` waits for a known
number of packets (a reference run gives it), then for a short silence; :func:`quiet` for silence alone, as a
last resort. The silence matters even when all packets are there: an event may send nothing and still render,
and a render uses up control ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.browser import Browser
from tests.canonical import Canonical
from tests.flet_client import FletClient
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from tests.steps import Script

PATIENCE = 20.0
USER_AGENT = "flet-cluster tests"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one step did: the server's packets (canonical) and the client's tree afterwards."""

    step: str
    packets: tuple[bytes, ...]
    mirror: Any


class PlainDriver:
    """A client on an open websocket; a reader task feeds it and sends its replies.

    Attributes:
        received: number of packets so far.
    """

    def __init__(self, socket: ClientConnection, client: FletClient) -> None:
        self.client = client
        self.canonical = Canonical()
        self.received = 0
        self._socket = socket
        self._packets: list[bytes] = []
        self._news = asyncio.Condition()

    async def read(self) -> None:
        """Feed the client until the socket closes."""
        try:
            async for message in self._socket:
                assert isinstance(message, bytes)
                await self._take(message)
        except ConnectionClosed:
            pass

    async def _take(self, packet: bytes) -> None:
        for reply in self.client.feed(packet):
            await self._socket.send(reply)
        async with self._news:
            self._packets.append(self.canonical.packet(packet))
            self.received += 1
            self._news.notify_all()

    async def wait_for(self, count: int) -> None:
        """Wait until that many packets have come in since the connection opened."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.received >= count)

    async def act(self, step: str, packets: Sequence[bytes], settle: Settle) -> Seen:
        """Send, wait until it has settled, and look."""
        for packet in packets:
            await self._socket.send(packet)
        await settle(self)
        seen, self._packets = tuple(self._packets), []
        return Seen(step, seen, self.canonical.tree(self.client.dump()))

    async def run(self, script: Script, settle: Sequence[Settle]) -> list[Seen]:
        """Register and do all steps; ``settle`` has one entry for the registration and one a step."""
        first, *rest = settle
        seen = [await self.act("register", [self.client.register()], first)]
        for step, settled in zip(script.steps, rest, strict=True):
            seen.append(await self.act(repr(step), self.client.step(step), settled))
        return seen


Settle = Callable[[PlainDriver], Awaitable[None]]


def arrived(count: int, *, silence: float = 0.1) -> Settle:
    """Settled when ``count`` packets have come in since the connection opened, and nothing after them."""

    async def wait(driver: PlainDriver) -> None:
        await driver.wait_for(count)
        await quiet(silence)(driver)

    return wait


def quiet(seconds: float = 0.1) -> Settle:
    """Settled when nothing has come in for a while."""

    async def wait(driver: PlainDriver) -> None:
        before = -1
        while before != driver.received:
            before = driver.received
            await asyncio.sleep(seconds)

    return wait


@asynccontextmanager
async def plain_session(
    url: str, script: Script, client: FletClient | None = None
) -> AsyncIterator[PlainDriver]:
    """Connect a client to ``ws://…``; by default a new one that starts where the script does."""
    client = client or FletClient(Browser(route=script.route, replies=script.replies))
    async with connect(url, max_size=None, proxy=None, user_agent_header=USER_AGENT) as socket:
        driver = PlainDriver(socket, client)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(driver.read())
            yield driver
            await socket.close()
