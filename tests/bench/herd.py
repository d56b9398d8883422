"""A node with many users is killed: how soon all go on elsewhere, and what the users of other nodes notice.

    python -m tests.bench.herd [--sessions 2000] [--bystanders 40] [--clicking 0.1]

Three nodes on a real Valkey. The users of the first are connected and, most of them, asleep when it is killed
with SIGKILL; a share of them clicks at that moment. They come back as resume.js does: at random within
200 ms, then with growing pauses. Bystanders on the other two nodes click all the time. Users and bystanders
are processes of their own, and share this machine with the nodes and Valkey.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.bench.crowd import crowd
from tests.fleet import fleet
from tests.servers import running
from tests.steps import Click, Find
from tests.tab import Tab

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CLICK = Click(Find(key="add"))
AT_ONCE = 20
PING_SECONDS = 12.0
BETWEEN_CLICKS = 0.5
FIRST_JITTER, BACKOFF, BACKOFF_CAP = 0.2, 0.5, 15.0


class HerdTab(Tab):
    """A tab that knows one node, and others once that is gone, and comes back with resume.js's pauses."""

    def __init__(self, urls: list[str]) -> None:
        super().__init__(self._place)
        self._home, self._others = urls[0], random.sample(urls[1:], len(urls) - 1)
        self.settles = False
        self.welcomed_at = self.shown_at = 0.0
        self.clicked = False

    def _place(self) -> list[str]:
        return self._others if self.nodes and self._others else [self._home]

    async def _run(self) -> None:
        failures = itertools.count()

        def pause() -> float:
            n = next(failures)
            return random.uniform(0, min(BACKOFF_CAP, BACKOFF * 2**n) if n else FIRST_JITTER)

        self.pause = pause
        await super()._run()

    @property
    def retry_seconds(self) -> float:
        """What resume.js would wait now."""
        return self.pause()

    @retry_seconds.setter
    def retry_seconds(self, value: float) -> None:
        """Take no fixed pause."""

    def _take(self, message: str | bytes) -> None:
        before, packets = len(self.nodes), len(self.client.packets)
        super()._take(message)
        if len(self.nodes) > before:
            self.welcomed_at = time.time()
        if len(self.client.packets) > packets:
            self.shown_at = time.time()


def _count(tab: Tab) -> int:
    """What the counter shows."""
    return next(int(text) for text in tab.client.texts() if text.isdigit())


class Users:
    """The users of one process: ``python -m tests.bench.herd URLS users|bystanders``."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = urls
        self._tabs: list[HerdTab] = []
        self._clicking: asyncio.Task[None] | None = None
        self._times: list[tuple[float, float]] = []

    async def do(self, what: str, *arguments: Any) -> Any:
        """Carry out one command."""
        return await getattr(self, what)(*arguments)

    async def open(self, count: int) -> int:
        """Open so many pages at the first address."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with room:
                tab = HerdTab(self._urls)
                await tab.start()
                await tab.until(lambda: "0" in tab.client.texts())
                self._tabs.append(tab)

        await asyncio.gather(*(one() for _ in range(count)))
        self._pinging = asyncio.create_task(self._ping())
        return len(self._tabs)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            for tab in self._tabs:
                if tab.socket is not None:
                    await tab.socket.send('{"type":"ping"}')

    async def killed(self, share: float) -> dict[str, Any]:
        """The first node dies about now: some click; answers when each was welcome, and saw its click."""
        clickers = random.sample(self._tabs, round(len(self._tabs) * share))
        for tab in clickers:
            tab.clicked = True
            for packet in tab.client.step(CLICK):
                tab.send(packet)
        await self._all(self._tabs, lambda tab: len(tab.nodes) > 1)
        await self._all(clickers, lambda tab: _count(tab) == 1)
        return {
            "welcomed": [tab.welcomed_at for tab in self._tabs],
            "shown": [tab.shown_at for tab in clickers],
            "ended": sum(bool(tab.ended) for tab in self._tabs),
        }

    @staticmethod
    async def _all(tabs: list[HerdTab], condition: Callable[[HerdTab], bool]) -> None:
        """Wait until something is true of all, at little cost: the nodes need the processor."""
        left = tabs
        while left := [tab for tab in left if not condition(tab)]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    async def check(self) -> dict[str, int]:
        """Everybody clicks once more: how many see a count that is too low, or too high."""
        for tab in self._tabs:
            for packet in tab.client.step(CLICK):
                tab.send(packet)
        await self._all(self._tabs, lambda tab: tab.link.pending == 0)
        await asyncio.sleep(1)
        counts = [_count(tab) - 1 - tab.clicked for tab in self._tabs]
        return {"lost": sum(count < 0 for count in counts), "doubled": sum(count > 0 for count in counts)}

    async def click_on(self) -> int:
        """Click from now on, all the time."""
        self._clicking = asyncio.create_task(self._click_on())
        return len(self._tabs)

    async def _click_on(self) -> None:
        async def one(tab: HerdTab) -> None:
            while True:
                await asyncio.sleep(random.uniform(0, 2 * BETWEEN_CLICKS))
                packets, began = len(tab.client.packets), time.time()
                for packet in tab.client.step(CLICK):
                    tab.send(packet)
                while len(tab.client.packets) <= packets:
                    tab.received.clear()
                    await tab.received.wait()
                self._times.append((began, time.time() - began))

        await asyncio.gather(*(one(tab) for tab in self._tabs))

    async def times(self) -> list[tuple[float, float]]:
        """When each click was made, and how long it took."""
        return self._times


async def _serve(urls: str) -> None:
    users = Users(json.loads(urls))
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await users.do(*json.loads(line))), flush=True)


def show(name: str, values: Sequence[float]) -> None:
    """Print median, 99th percentile and maximum in milliseconds."""
    ordered = sorted(values)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(
        f"{name:44} n {len(ordered):5}  median {statistics.median(ordered) * 1e3:6.0f}  "
        f"p99 {late * 1e3:6.0f}  max {ordered[-1] * 1e3:6.0f} ms"
    )


def measure(sessions: int, bystanders: int, share: float, calm: float) -> None:
    """Kill one of three nodes and print."""
    with running("valkey") as redis_url, fleet("tests/bench/app.py", redis_url, 3) as nodes:
        first, *others = nodes.nodes
        herd_of = json.dumps([first.url, *(node.url for node in others)])
        module = "tests.bench.herd"
        with (
            crowd(herd_of, "users", module) as users,
            crowd(json.dumps([others[0].url]), "bystanders", module) as left,
            crowd(json.dumps([others[1].url]), "bystanders", module) as right,
        ):
            users.do("open", sessions)
            for side in (left, right):
                side.do("open", bystanders // 2)
                side.do("click_on")
            time.sleep(calm)
            users.tell("killed", share)
            killed_at = time.time()
            first.kill()
            answer = users.answer()
            usable_at = max(answer["welcomed"])
            time.sleep(2)
            clicks = [tuple(entry) for side in (left, right) for entry in side.do("times")]
            check = users.do("check")
    print(f"{sessions} users of the killed node, {len(answer['shown'])} of them clicked at that moment")
    show("kill to the resumed link", [at - killed_at for at in answer["welcomed"]])
    if answer["shown"]:
        show("kill to the patch of the click", [at - killed_at for at in answer["shown"]])
    show("bystanders' clicks before", [took for at, took in clicks if killed_at - calm / 2 < at < killed_at])
    show(
        "bystanders' clicks until all were back", [took for at, took in clicks if killed_at < at < usable_at]
    )
    print(f"reset: {answer['ended']}, clicks lost: {check['lost']}, doubled: {check['doubled']}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--bystanders", type=int, default=40)
    parser.add_argument("--clicking", type=float, default=0.1)
    parser.add_argument("--calm", type=float, default=10.0)
    options = parser.parse_args()
    measure(options.sessions, options.bystanders, options.clicking, options.calm)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2] in {"users", "bystanders"}:
        asyncio.run(_serve(sys.argv[1]))
    else:
        main()
