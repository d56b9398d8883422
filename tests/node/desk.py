"""One node in this process, on a store that a test can stop, break and look into."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from tests.flet_client import FletClient
from tests.node.small_app import main

from flet_cluster.composition import build_node
from flet_cluster.events import FaultPoints, NullObserver
from flet_cluster.host import message_codec
from flet_cluster.host.connection import ClientInfo
from flet_cluster.host.program import program_of
from flet_cluster.node.groups import load_publication
from flet_cluster.settings import Settings
from flet_cluster.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.steps import Step

    from flet_cluster.model import Commit, Lease, Post
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat
    from flet_cluster.protocol.close import CloseCode

INSTANCE = "instance-1"


class GatedStore(MemoryStore):
    """Writes pass a gate, and may fail.

    Attributes:
        gate: closed: writes wait.
        attempts: every commit that was tried, repeats included.
        before: errors to raise instead of writing, one for each try.
        after: errors to raise although it was written: the answer got lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.attempts: list[Commit] = []
        self.before: list[Exception] = []
        self.after: list[Exception] = []

    async def _pass(self, commit: Commit) -> None:
        self.attempts.append(commit)
        await self.gate.wait()
        if self.before:
            raise self.before.pop(0)

    def _answer(self) -> None:
        if self.after:
            raise self.after.pop(0)

    async def create(
        self,
        session_id: str,
        owner: str,
        commit: Commit,
        timeout: float,  # noqa: ASYNC109 - the contract's
    ) -> Lease:
        await self._pass(commit)
        lease = await super().create(session_id, owner, commit, timeout)
        self._answer()
        return lease

    async def commit(self, lease: Lease, commit: Commit, timeout: float) -> None:  # noqa: ASYNC109
        await self._pass(commit)
        await super().commit(lease, commit, timeout)
        self._answer()


@dataclass
class Wire:
    """A socket as a seat sees it, with a client at its end.

    Attributes:
        frames: numbers of the output that was released.
        rx: highest input that was acknowledged.
        code: what it was closed with.
    """

    client: FletClient = field(default_factory=FletClient)
    link: bool = True
    relayed: bool = False
    frames: list[int] = field(default_factory=list)
    rx: int = 0
    code: CloseCode | None = None
    replies: list[bytes] = field(default_factory=list)

    def release(self, frames: list[tuple[int, bytes]], rx: int) -> None:
        assert self.code is None, "output after the end"
        for seq, packet in frames:
            self.frames.append(seq)
            self.replies += self.client.feed(packet)
        self.rx = max(self.rx, rx)

    def datagram(self, packet: bytes) -> None:
        """Not of interest here."""

    def close(self, code: CloseCode) -> None:
        self.code = code


@dataclass
class Desk:
    """A node with one session and its client."""

    node: Node
    store: GatedStore
    seat: Seat
    wire: Wire
    sent: int = 0

    def do(self, *steps: Step) -> None:
        """Send what a client sends for these steps."""
        for step in steps:
            for packet in self.wire.client.step(step):
                self.give(packet)

    def give(self, packet: bytes) -> None:
        """Send the next input."""
        self.sent += 1
        self.seat.accept(self.sent, packet, ClientInfo())

    def note_published(self) -> list[Any]:
        """Note from here on what is put into the app's stream; returns the list of messages, which grows."""
        published: list[Any] = []
        append = self.node.publications.append

        async def noting(posts: list[Post]) -> None:
            for post in posts:
                payload = self.node.vault.open_post(post.origin, post.payload)
                assert payload is not None
                published.append(message_codec.unpack(load_publication(payload).body)[1])
            await append(posts)

        self.node.publications.append = noting  # type: ignore[method-assign]
        return published

    async def until(self, check: Callable[[], object]) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(10):
            while not check():
                replies, self.wire.replies = self.wire.replies, []
                for reply in replies:
                    self.give(reply)
                await asyncio.sleep(0.001)

    async def settle(self) -> None:
        """Wait until all that was sent is acknowledged and committed."""
        await self.until(
            lambda: not self.wire.replies and self.wire.rx == self.sent and self.seat.committer.idle
        )

    def shows(self, text: str) -> bool:
        """Whether the client shows this."""
        return text in self.wire.client.texts()


@contextlib.asynccontextmanager
async def desk(
    *, registered: bool = True, store_patience: float = 10.0, session_timeout: float = 3600.0
) -> AsyncIterator[Desk]:
    """Start a node and a session on it; by default its page is there."""
    settings = Settings(
        app_name="desk",
        secret_key=SecretStr("a secret for tests only, long enough"),
        store_patience=store_patience,
        session_timeout=session_timeout,
        drain_timeout=1.0,
    )
    node = build_node(program_of(main), settings, NullObserver(), FaultPoints())
    store = GatedStore()
    node.store = store
    await node.start()
    seat = node.new_seat("", INSTANCE)
    wire = Wire()
    seat.attach(wire, INSTANCE)
    work = Desk(node, store, seat, wire)
    try:
        if registered:
            work.give(wire.client.register())
            await work.until(lambda: work.shows("Count: 0"))
            await work.settle()
        yield work
    finally:
        store.gate.set()
        store.before.clear()
        await node.stop()
