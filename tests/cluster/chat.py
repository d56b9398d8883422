"""A chat between many members on several nodes that are killed now and then.

The members are real links over real websockets, the nodes real processes. In the end every member has heard
the same, in the same order: everything that was said, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.servers import command
from tests.steps import Click, Find
from tests.tab import Tab

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable, Sequence

    from tests.fleet import Fleet, FleetNode

APP = str(Path(__file__).with_name("chat_app.py"))
JITTER = 0.2
"""How long a browser waits at most before it connects again, as resume.js does, seconds."""
UPSET_SECONDS = 2.0
"""What was said so soon after a kill, or so long before it, counts as said around a kill."""
OPENED_AT_ONCE = 16


@dataclass
class Member:
    """One browser.

    Attributes:
        arrivals: when the page first showed so many messages, or more.
    """

    tab: Tab
    arrivals: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Note how many messages the page shows now."""
        for control in self.tab.client.page.walk():
            if _key(control) == "count":
                late = int(control.get("value") or 0) - len(self.arrivals)
                self.arrivals += [time.perf_counter()] * late

    async def shows(self, number: int, patience: float) -> None:
        """Wait until the page has shown so many messages."""
        await self.tab.until(lambda: len(self.arrivals) >= number, patience)

    async def told(self, patience: float) -> list[str]:
        """Ask the session for all that it has heard."""
        for packet in self.tab.client.step(Click("tell")):
            self.tab.send(packet)
        await self.tab.until(lambda: self.tab.link.pending == 0 and bool(self._told), patience)
        return self._told.split(" ")

    @property
    def _told(self) -> str:
        return self.tab.client.find(Find(key="told")).get("value") or ""


@dataclass
class Chat:
    """What was said, when, and what happened to the nodes meanwhile."""

    nodes: Fleet
    dice: random.Random
    members: list[Member] = field(default_factory=list)
    said: dict[str, float] = field(default_factory=dict)
    kills: list[float] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    async def open(self, number: int) -> None:
        """Let so many members in; they are spread over the nodes."""
        room = asyncio.Semaphore(OPENED_AT_ONCE)

        async def enter(index: int) -> None:
            member = Member(Tab(self._place(index)))
            await self._start(member, room)
            self.members.append(member)

        await asyncio.gather(*(enter(index) for index in range(number)))

    def _place(self, start: int) -> Callable[[], list[str]]:
        """Where a member connects: to one node after the other."""
        turn = itertools.count(start)

        def next_url() -> list[str]:
            urls = self.nodes.urls
            return [urls[next(turn) % len(urls)]]

        return next_url

    async def _start(self, member: Member, room: asyncio.Semaphore) -> None:
        tab = member.tab
        tab.settles = False
        tab.retry_seconds = self.dice.uniform(0.01, JITTER)
        feed = tab.client.feed

        def feed_and_look(packet: bytes) -> list[bytes]:
            replies = feed(packet)
            member.look()
            return replies

        tab.client.feed = feed_and_look  # type: ignore[method-assign]
        async with room:
            await tab.start()
            await tab.until(lambda: "say" in tab.client.texts() and tab.link.pending == 0, 60)

    async def say(self, number: int, pause: float) -> None:
        """Let members say something, one after the other."""
        for _ in range(number):
            word = f"w{len(self.said)}"
            tab = self.dice.choice(self.members).tab
            button = tab.client.find(Find("say", type="Button"))
            self.said[word] = time.perf_counter()
            for packet in tab.client.trigger(button, "click", word):
                tab.send(packet)
            await asyncio.sleep(self.dice.uniform(0, 2 * pause))

    def kill(self) -> FleetNode:
        """Kill a node."""
        victim = self.dice.choice(self._alive)
        self.kills.append(time.perf_counter())
        assert victim.kill() == -9
        return victim

    async def drain(self) -> None:
        """Ask a node to leave, and wait until it has."""
        leaver = self.dice.choice(self._alive)
        assert await asyncio.to_thread(leaver.terminate, 60) == 0

    @property
    def _alive(self) -> list[FleetNode]:
        return [node for node in self.nodes.nodes if node.process.poll() is None]

    def cut_redis(self) -> None:
        """Break all connections of the nodes to Redis."""
        port = urlsplit(self.nodes.redis_url).port
        assert port is not None
        for kind in ("pubsub", "normal"):
            command(port, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    @contextlib.asynccontextmanager
    async def away(self, number: int) -> AsyncIterator[None]:
        """Meanwhile some members have closed their browsers; then they open them again."""
        gone, self.members = self.members[:number], self.members[number:]
        for member in gone:
            await member.tab.until(lambda tab=member.tab: tab.link.pending == 0)  # type: ignore[misc]
            await member.tab.stop()
        yield
        room = asyncio.Semaphore(OPENED_AT_ONCE)
        for member in gone:
            browser = member.tab.client.browser
            again = Member(Tab(self._place(self.dice.randrange(100)), browser, member.tab.link.token))
            again.arrivals = [0.0] * len(self.said)  # it was not there: nothing to measure
            await self._start(again, room)
            self.members.append(again)

    async def check(self, patience: float = 60.0) -> None:
        """The promise."""
        number = len(self.said)
        try:
            await asyncio.gather(*(member.shows(number, patience) for member in self.members))
        except TimeoutError:
            short = [(len(m.arrivals), m.tab.link.token, m.tab.nodes, m.tab.closes) for m in self.members]
            raise AssertionError(f"of {number}: {[each for each in short if each[0] < number]}") from None
        histories = await asyncio.gather(*(member.told(patience) for member in self.members))
        first = histories[0]
        assert sorted(first) == sorted(self.said), "something is missing, or there twice"
        differing = [history for history in histories if history != first]
        assert not differing, f"{len(differing)} members have heard otherwise: {first} {differing[0]}"
        assert all(member.tab.ended == "" for member in self.members)
        self.order = first

    def delays(self, *, upset: bool) -> list[float]:
        """How long it took until members were shown a message, seconds; around kills, or far from any."""
        found: list[float] = []
        for index, word in enumerate(self.order):
            at = self.said[word]
            around = any(kill - UPSET_SECONDS < at < kill + UPSET_SECONDS for kill in self.kills)
            if around == upset:
                shown = [member.arrivals[index] for member in self.members]
                found += [moment - at for moment in shown if moment]
        return found

    async def close(self) -> None:
        """Close all browsers."""
        await asyncio.gather(*(member.tab.stop() for member in self.members))


def _key(control: Any) -> Any:
    key = control.props.get("key")
    return key.get("value") if isinstance(key, dict) else key


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so many are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
