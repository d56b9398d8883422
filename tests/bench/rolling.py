"""A rolling restart under load: every node is replaced, one after the other, while all users click.

    python -m tests.bench.rolling [--users 300] [--nodes 3] [--think 1.0]

Node processes on a real Valkey, users over the real link in a process of their own; where a user connects is
chosen at random among the nodes that say they are ready, as a balancer with health checks would. Each user
clicks, waits for the patch, thinks, and clicks again. Measured: from click to patch, before and during the
restart. At the end every page must show exactly its user's clicks, and nobody may have been reset.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.failover import CLICK, JITTER
from tests.fleet import Fleet, fleet
from tests.servers import running
from tests.tab import Tab, TabEnded

if TYPE_CHECKING:
    from collections.abc import Sequence

CALM_SECONDS = 10.0


class User:
    """One user and the tab."""

    def __init__(self, nodes: Ready, think: float) -> None:
        self.tab = Tab(nodes)
        self.tab.settles = False
        self.think = think
        self.clicks = 0
        self.times: list[tuple[float, float]] = []
        self.reset = ""

    async def run(self, until: asyncio.Event) -> None:
        """Click until the time is up."""
        try:
            while not until.is_set():
                await asyncio.sleep(random.uniform(0.5, 1.5) * self.think)
                await self.click()
        except TabEnded as ended:
            self.reset = str(ended)

    async def click(self) -> None:
        """One click and its patch."""
        self.tab.retry_seconds = random.uniform(0, JITTER)
        seen = len(self.tab.client.packets)
        began = time.perf_counter()
        for packet in self.tab.client.step(CLICK):
            self.tab.send(packet)
        self.clicks += 1
        await self.tab.until(lambda: len(self.tab.client.packets) > seen, 60)
        self.times.append((began, time.perf_counter() - began))


class Ready:
    """The balancer: the nodes that take new connections, in another order for everybody."""

    def __init__(self, nodes: Fleet) -> None:
        self._nodes = nodes
        self.leaving: set[str] = set()

    def __call__(self) -> list[str]:
        urls = [url for url in self._nodes.urls if url not in self.leaving]
        random.shuffle(urls)
        return urls


async def restart_all(nodes: Fleet, ready: Ready) -> list[float]:
    """Replace every node; returns how long each took to leave, seconds."""
    took = []
    for node in list(nodes.nodes):
        await asyncio.to_thread(nodes.add)
        ready.leaving.add(node.url)
        began = time.perf_counter()
        status = await asyncio.to_thread(node.terminate, 60)
        took.append(time.perf_counter() - began)
        if status != 0:
            raise RuntimeError(f"a node ended with {status}:\n{node.log.read_text()}")
        await asyncio.sleep(2)
    return took


@dataclass(frozen=True)
class Outcome:
    """What came of a rolling restart.

    Attributes:
        took: seconds each node took to leave.
        before: seconds from click to patch before the restart.
        during: the same while nodes were replaced.
        wrong: users whose pages do not show exactly their clicks.
        resets: why users were reset.
    """

    users: Sequence[User]
    took: Sequence[float]
    before: Sequence[float]
    during: Sequence[float]
    wrong: Sequence[User]
    resets: Sequence[str]


async def roll(nodes: Fleet, count: int, think: float, calm: float = CALM_SECONDS) -> Outcome:
    """Have users click while all nodes are replaced."""
    ready = Ready(nodes)
    users = [User(ready, think) for _ in range(count)]
    for start in range(0, count, 20):
        await asyncio.gather(*(user.tab.start() for user in users[start : start + 20]))
    over = asyncio.Event()
    clicking = [asyncio.create_task(user.run(over)) for user in users]
    await asyncio.sleep(calm)
    began = time.perf_counter()
    took = await restart_all(nodes, ready)
    ended = time.perf_counter()
    over.set()
    await asyncio.gather(*clicking)
    for user in users:
        if not user.reset:
            await user.tab.settle()
    times = [entry for user in users for entry in user.times]
    outcome = Outcome(
        users,
        took,
        [seconds for at, seconds in times if at < began],
        [seconds for at, seconds in times if began <= at <= ended],
        [user for user in users if not user.reset and f"{user.clicks}" not in user.tab.client.texts()],
        [user.reset for user in users if user.reset],
    )
    for user in users:
        await user.tab.stop()
    return outcome


def report(outcome: Outcome) -> None:
    """Print what came of it."""
    clicks = sum(user.clicks for user in outcome.users)
    resumes = sum(user.tab.resumes for user in outcome.users)
    print(f"{len(outcome.users)} users, {clicks} clicks, {resumes} resumes")
    print(f"pages that do not show exactly their user's clicks: {len(outcome.wrong)}")
    print(f"resets: {len(outcome.resets)} {outcome.resets[:3]}")
    print("a node left in", ", ".join(f"{seconds:.1f} s" for seconds in outcome.took))
    show("before", outcome.before)
    show("during", outcome.during)


def show(name: str, values: Sequence[float]) -> None:
    """Print median, percentiles and maximum in milliseconds."""
    ordered = sorted(values)
    at = {part: ordered[min(len(ordered) - 1, len(ordered) * part // 100)] * 1e3 for part in (50, 95, 99)}
    parts = "  ".join(f"p{part} {milliseconds:.0f}" for part, milliseconds in at.items())
    print(f"{name:8} {len(ordered)} clicks: {parts}  max {ordered[-1] * 1e3:.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--think", type=float, default=1.0)
    options = parser.parse_args()
    with running("valkey") as redis_url, fleet("tests/bench/app.py", redis_url, options.nodes) as nodes:
        report(asyncio.run(roll(nodes, options.users, options.think)))


if __name__ == "__main__":
    main()
