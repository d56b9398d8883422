"""Several nodes in this process that share a store and a bus, and members who talk through them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from tests.node.desk import Wire
from tests.steps import Click

from flet_cluster import composition
from flet_cluster.bus.memory import MemoryBus, MemoryHub
from flet_cluster.events import FaultPoints
from flet_cluster.host.connection import ClientInfo
from flet_cluster.host.program import program_of
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import Hello
from flet_cluster.settings import Settings
from flet_cluster.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    import pytest

    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat


class Counts:
    """An observer that counts."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str, /, amount: int = 1, **labels: str) -> None:
        del labels
        self.counts[name] += amount

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Not of interest here."""

    def gauge(self, name: str, read: Callable[[], float], /) -> None:
        """Not of interest here."""

    def levels(
        self, name: str, labels: tuple[str, ...], read: Callable[[], Mapping[tuple[str, ...], float]], /
    ) -> None:
        """Not of interest here."""


class Traps(FaultPoints):
    """Calls what a test has set for a pass of a point, once.

    Attributes:
        passes: how often each point was passed since a trap was set.
    """

    def __init__(self) -> None:
        self.passes: Counter[str] = Counter()
        self._trap: tuple[str, int, Callable[[], None]] | None = None

    @property
    def set(self) -> bool:
        """Whether nothing has run into the trap yet."""
        return self._trap is not None

    def at(self, name: str, trap: Callable[[], None], number: int = 1) -> None:
        """Call ``trap`` at so many passes of a point from now."""
        self.passes.clear()
        self._trap = (name, number, trap)

    def hit(self, name: str, session_id: str, /) -> None:
        self.passes[name] += 1
        if self._trap is not None and self._trap[:2] == (name, self.passes[name]):
            trap, self._trap = self._trap[2], None
            trap()


@dataclass
class Member:
    """One user: a session, wherever it is, and its browser."""

    club: Club
    name: str
    node: Node
    seat: Seat
    wire: Wire = field(default_factory=Wire)
    packets: list[bytes] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many inputs were sent."""
        return len(self.packets)

    @property
    def heard(self) -> list[str]:
        """What the page shows of what was said, in order."""
        return [text[1:] for text in self.wire.client.texts() if text.startswith(">")]

    def click(self, label: str) -> None:
        """Click a button."""
        for packet in self.wire.client.step(Click(label)):
            self.give(packet)

    def give(self, packet: bytes) -> None:
        """Send the next input."""
        self.packets.append(packet)
        self.seat.accept(self.sent, packet, ClientInfo())

    def _answer(self) -> None:
        replies, self.wire.replies = self.wire.replies, []
        for reply in replies:
            self.give(reply)

    async def until(self, check: Callable[[], object]) -> None:
        """Wait for something to become true."""
        try:
            async with asyncio.timeout(10):
                while not check():
                    for member in self.club.members:
                        if not member.seat.lost and not member.wire.code:
                            member._answer()
                    await asyncio.sleep(0.001)
        except TimeoutError:
            heard = {member.name: member.heard for member in self.club.members}
            raise AssertionError(f"never happened; heard: {heard}") from None

    async def hears(self, *texts: str) -> None:
        """Wait until the page shows exactly this."""
        await self.until(lambda: len(self.heard) >= len(texts))
        assert self.heard == list(texts)

    async def settle(self) -> None:
        """Wait until all that was sent is acknowledged and committed."""
        await self.until(lambda: not self.wire.replies and self.wire.rx == self.sent and self._rests)

    @property
    def _rests(self) -> bool:
        """Whether no sync handler runs, and all is committed."""
        seat = self.seat
        return seat.committer.idle and (seat.live is None or seat.live.lane.empty)

    async def leave(self) -> None:
        """Close the browser; the session goes to sleep in the store."""
        self.seat.detach(self.wire, for_good=True)
        await self.until(lambda: self.seat.id not in self.node.seats)

    async def come(self, node: Node) -> None:
        """Come back, to some node, with the same page."""
        claim = node.tokens.verify(self.seat.token, None)
        self.wire = Wire(self.wire.client, frames=self.wire.frames, rx=self.wire.rx)
        self.node, self.seat = node, await node.seat_of(claim)
        hello = Hello(self.seat.token, self.seat.instance, len(self.wire.frames), self.wire.rx)
        resumed, replay = self.seat.resume(hello)
        assert resumed
        self.seat.attach(self.wire, self.seat.instance)
        self.wire.release(replay, self.seat.showing.durable[0])
        for seq in range(self.seat.showing.durable[0] + 1, self.sent + 1):  # as a browser does
            self.seat.accept(seq, self.packets[seq - 1], ClientInfo())
        self.wire.rx = max(self.wire.rx, self.seat.showing.durable[0])
        self.seat.say_back()
        if self.seat.needs_objects:
            self.seat.wake()


@dataclass
class Club:
    """The nodes and the members."""

    store: MemoryStore
    ahead: float = 0.0
    nodes: list[Node] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)

    async def join(self, node: Node) -> Member:
        """Open a session; its page is there."""
        name = f"m{len(self.members)}"
        seat = node.new_seat("", f"instance-{name}")
        member = Member(self, name, node, seat)
        self.members.append(member)
        seat.attach(member.wire, seat.instance)
        member.give(member.wire.client.register())
        await member.until(lambda: "ready" in member.wire.client.texts())
        await member.settle()
        return member

    def skip(self, seconds: float) -> None:
        """Let the store's time pass; its nodes live on."""
        self.ahead += seconds

    async def kill(self, node: Node) -> None:
        """Let a node die: it does nothing more."""
        self.stop_at_once(node)
        await node.bus.stop()
        await self.store.retire(node.id)

    def stop_at_once(self, node: Node) -> None:
        """From this very moment on a node begins nothing."""
        node.spawn = _begin_nothing  # type: ignore[method-assign]
        for job in list(node._jobs):
            job.cancel()
        for seat in list(node.seats.values()):
            seat.lose(CloseCode.MOVED, "its node is dead")
        for member in self.members:
            if member.node is node:
                member.wire.code = None


def _begin_nothing(coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Stand for a node's ``spawn`` when it is dead."""
    coro.close()
    return asyncio.get_running_loop().create_task(asyncio.sleep(0))


def traps_of(node: Node) -> Traps:
    """The traps of a node."""
    traps = node.host.faults
    assert isinstance(traps, Traps)
    return traps


def counts_of(node: Node) -> Counter[str]:
    """What a node has counted."""
    counts = node.observer
    assert isinstance(counts, Counts)
    return counts.counts


@contextlib.asynccontextmanager
async def club(
    monkeypatch: pytest.MonkeyPatch, main: Callable[..., Any], nodes: int = 2, **settings: Any
) -> AsyncIterator[Club]:
    """Start nodes of an app."""
    hub = MemoryHub()
    store = MemoryStore(clock=lambda: time.time() + there.ahead)
    there = Club(store)
    monkeypatch.setattr(composition, "MemoryBus", lambda: MemoryBus(hub))
    monkeypatch.setattr(composition, "MemoryStore", lambda: store)
    options = Settings(
        app_name="club",
        secret_key=SecretStr("a secret for tests only, long enough"),
        drain_timeout=1.0,
        heartbeat_timeout=1000.0,
        **settings,
    )
    try:
        for _ in range(nodes):
            node = composition.build_node(program_of(main), options, Counts(), Traps())
            there.nodes.append(node)
            await node.start()
        yield there
    finally:
        for node in there.nodes:
            await node.stop()
