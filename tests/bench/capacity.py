"""What a session and an event cost a node and Redis, and whether the capacity model holds.

    python -m tests.bench.capacity [--sessions 400] [--seconds 4]   measures, and writes capacity.json
    python -m tests.bench.capacity --document      writes the tables of docs/capacity.md from that

Costs are processor time, calls and bytes, not rates, which depend more on what else the machine does. They
are measured one by one (events only; idle sessions only). Then the model of ``tests/bench/capacity_model.py``
predicts what two nodes need for many sessions that do something now and then, and that is measured too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
from tests.bench.capacity_model import Cost, Costs, Load, write_tables
from tests.bench.crowd import Remote, crowd
from tests.bench.events import LinkUser, cpu_seconds, load
from tests.bench.memory import resident, server
from tests.servers import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RESULT = Path(__file__).with_suffix(".json")
CLIENTS = 20
ROUNDS = 5
QUIET = 0.5
SLEEP_AFTER = 2.0
"""Seconds of quiet after which sessions sleep here; in production a minute."""


class CalmUser(LinkUser):
    """Clicks once the whole page is there: a patch that is still to come would pass for a click's."""

    async def begin(self, socket: Any) -> None:
        """Register, and wait until nothing comes any more."""
        await super().begin(socket)
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(QUIET):
                    for payload in await self._receive(socket):
                        self.client.feed(payload)


@dataclass
class Site:
    """Nodes and their Redis."""

    pids: Sequence[int]
    redis: Any

    def used(self) -> Cost:
        """All that was used so far."""
        info = self.redis.info("all")
        commands = {key: value for key, value in info.items() if key.startswith("cmdstat_")}
        own = ("cmdstat_info", "cmdstat_client", "cmdstat_config", "cmdstat_hello", "cmdstat_function")
        calls = sum(value["calls"] for key, value in commands.items() if not key.startswith(own))
        return Cost(
            node_seconds=sum(map(cpu_seconds, self.pids)),
            redis_seconds=info["used_cpu_user"] + info["used_cpu_sys"],
            redis_calls=calls,
            redis_bytes=info["total_net_input_bytes"] + info["total_net_output_bytes"],
        )

    def memory(self) -> tuple[int, int]:
        """Bytes in use: of all nodes, and of Redis."""
        return sum(map(resident, self.pids)), self.redis.info("memory")["used_memory"]


@contextlib.contextmanager
def site(redis_url: str, app: str, nodes: int = 1) -> Iterator[tuple[Site, list[str]]]:
    """Run nodes of one app."""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(server("link", redis_url, SLEEP_AFTER, app)) for _ in range(nodes)]
        yield Site([pid for pid, _ in started], redis.Redis.from_url(redis_url)), [url for _, url in started]


def idle_cost(there: Site, seconds: float) -> Cost:
    """What is used in a second while nobody does anything."""
    before = there.used()
    time.sleep(seconds)
    return (there.used() - before) / seconds


def events(redis_url: str, app: str, seconds: float) -> Cost:
    """What one event costs, less what the node uses anyway: the round that was disturbed least.

    The opening of the clients' pages is part of it: a few in a thousand events.
    """
    with site(redis_url, app) as (there, (url,)):
        asyncio.run(load(CalmUser, url, CLIENTS, 2))  # warm: Python specialises, Redis loads its scripts
        empty = idle_cost(there, seconds)
        return min(
            (_events(there, url, seconds, empty) for _ in range(3)), key=lambda cost: cost.node_seconds
        )


def _events(there: Site, url: str, seconds: float, empty: Cost) -> Cost:
    before, began = there.used(), time.perf_counter()
    _, times = asyncio.run(load(CalmUser, url, CLIENTS, seconds * 2))
    took = time.perf_counter() - began
    return (there.used() - before - empty * took) / len(times)


def sessions(redis_url: str, app: str, count: int, seconds: float) -> dict[str, Any]:
    """What opening a session costs, and what having it costs while its user is silent."""
    with site(redis_url, app) as (there, (url,)), crowd(url, "link") as users:
        users.do("open", 50)
        users.do("click", CLIENTS)
        time.sleep(SLEEP_AFTER + 3)
        empty, (node, store), before = idle_cost(there, seconds), there.memory(), there.used()
        began = time.perf_counter()
        users.do("open", count)
        opening = (there.used() - before - empty * (time.perf_counter() - began)) / count
        users.do("click", CLIENTS)
        time.sleep(SLEEP_AFTER * 2 + 8)
        held, stored = there.memory()
        idle = (idle_cost(there, seconds * 4) - empty) / count
        return {
            "opening": vars(opening),
            "idle_second": vars(idle),
            "woken_node_seconds": woken(there, users, count, idle * count + empty),
            "node_bytes": (held - node) / count,
            "redis_bytes": (stored - store) / count,
        }


def woken(there: Site, users: Remote, count: int, quiet: Cost) -> float:
    """What an event costs a node whose session sleeps: the round that was disturbed least.

    Redis has no more to do than for any other event: what is rebuilt is the commit that the node holds.
    ``quiet``: what is used in a second anyway.
    """
    rounds = list[float]()
    for _ in range(3):
        before, began = there.used(), time.perf_counter()
        users.do("click", CLIENTS)
        used = there.used() - before - quiet * (time.perf_counter() - began)
        rounds.append(used.node_seconds / count)
        time.sleep(SLEEP_AFTER + 1)
    return min(rounds)


def mixed(redis_url: str, costs: Costs, count: int) -> dict[str, Any]:
    """Two nodes whose users do something now and then: what was predicted, and what was used."""
    with (
        site(redis_url, "app", 2) as (there, urls),
        crowd(urls[0], "link") as left,
        crowd(urls[1], "link") as right,
    ):
        for side in (left, right):
            side.do("open", count // 2)
            side.do("click", CLIENTS)
        before, began, done = there.used(), time.perf_counter(), 0
        for _ in range(ROUNDS):
            left.tell("click", CLIENTS)
            right.tell("click", CLIENTS)
            done += len(left.answer()) + len(right.answer())
            time.sleep(SLEEP_AFTER + 1)  # as with many users who do something now and then
        took = time.perf_counter() - began
        used = there.used() - before
        here = Load(sessions=count, events_per_second=done / took / count)
        predicted = costs.of(here, nodes=2) * took
    return {"events": done, "predicted": vars(predicted), "measured": vars(used)}


def measure(count: int, seconds: float) -> dict[str, Any]:
    """Measure all."""
    with running("valkey") as redis_url:
        found: dict[str, Any] = {"sessions": count, "pages": {}}
        for app in ("app", "page50"):
            event = events(redis_url, app, seconds)
            print(f"{app}: event {event}", flush=True)
            rest = sessions(redis_url, app, count, seconds)
            print(f"{app}: {rest}", flush=True)
            found["pages"][app] = {"event": vars(event), **rest}
        with site(redis_url, "app") as (there, _):
            time.sleep(3)
            found["empty_node_second"] = vars(idle_cost(there, seconds * 2))
        found["mixed"] = mixed(redis_url, Costs.read(found, "app"), count)
        return found


def main() -> None:
    """Measure, or write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--document", action="store_true")
    options = parser.parse_args()
    if not options.document:
        found = measure(options.sessions, options.seconds)
        RESULT.write_text(json.dumps(found, indent=2) + "\n")
        print(json.dumps(found["mixed"], indent=2))
    write_tables(json.loads(RESULT.read_text()))


if __name__ == "__main__":
    main()
