"""What infra/aws/sizing.py computes with: costs of events and sessions, and a load curve over several nodes.

    python -m tests.bench.cloud > infra/aws/measured.json

One node has the first core for itself; its users click as fast as they are answered, then open pages and are
silent. Redis says what that took there. Then users come and go on three nodes as over a day, a second for
each quarter of an hour, while each node says how many sessions it holds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import os
import platform
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import redis
from tests.bench.crowd import crowd
from tests.bench.events import LinkUser, cpu_seconds, load
from tests.bench.memory import SETTLE_SECONDS, WARM_UP, resident, server, wave
from tests.fleet import fleet
from tests.servers import running
from tests.tab import Tab
from websockets.exceptions import ConnectionClosed

from flet_cluster.protocol.client_link import PayloadReceived

if TYPE_CHECKING:
    from collections.abc import Callable

AWAKE_SECONDS = 60.0
"""How long a session that has nothing to do keeps its objects by default (FLET_CLUSTER_HIBERNATE_AFTER)."""
SLEEP_SECONDS = 40.0
"""The same where sessions are measured: long enough for all to click once."""
QUARTERS = 96
"""Of an hour, in a day."""


class Reader(LinkUser):
    """A user who counts the bytes that come."""

    received: ClassVar[int] = 0

    async def _receive(self, socket: Any) -> list[bytes]:
        message = await socket.recv()
        Reader.received += len(message)
        events = self.link.receive(message)
        return [event.payload for event in events if isinstance(event, PayloadReceived)]


def served(url: str) -> str:
    """Wait until a node answers, on a busy machine too; returns its URL."""
    deadline = time.monotonic() + 120
    health = url.replace("ws://", "http://").removesuffix("/ws") + "/readyz"
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(health).status_code == 200:
                return url
        time.sleep(0.1)
    raise TimeoutError(health)


class Ledger:
    """What Redis and a process have used between two moments."""

    def __init__(self, url: str, pid: int) -> None:
        self._redis = redis.Redis.from_url(url)
        self._pid = pid
        self.begin()

    def begin(self) -> None:
        """Start from here."""
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        commands = self._redis.info("commandstats")
        calls = {f"calls {name.removeprefix('cmdstat_')}": c["calls"] for name, c in commands.items()}
        info = self._redis.info()
        return {
            **{name: count for name, count in calls.items() if name != "calls info"},
            "redis cpu": info["used_cpu_user_main_thread"] + info["used_cpu_sys_main_thread"],
            "redis memory": info["used_memory"],
            "to redis": info["total_net_input_bytes"],
            "from redis": info["total_net_output_bytes"],
            "node cpu": cpu_seconds(self._pid),
        }

    def used(self) -> dict[str, float]:
        """What has been used since the beginning."""
        return {name: value - self._before.get(name, 0) for name, value in self._now().items()}


def of_events(redis_url: str, clients: int, seconds: float) -> dict[str, Any]:
    """Costs of one click with its answer."""
    with server("link", redis_url, AWAKE_SECONDS) as (pid, url):
        asyncio.run(load(Reader, served(url), clients, 1.0))  # warm
        ledger, Reader.received = Ledger(redis_url, pid), 0
        rate, times = asyncio.run(load(Reader, url, clients, seconds))
        used, events = ledger.used(), len(times)
    calls = {name.removeprefix("calls "): n / events for name, n in used.items() if name.startswith("calls ")}
    return {
        "per_second_on_one_core": round(rate),
        "node_cpu_microseconds": round(used["node cpu"] / events * 1e6),
        "redis_cpu_microseconds": round(used["redis cpu"] / events * 1e6, 1),
        "redis_commands": {name: round(n, 3) for name, n in sorted(calls.items()) if n >= 0.01},
        "bytes_to_browser": round(Reader.received / events),
        "bytes_to_redis": round(used["to redis"] / events),
        "bytes_from_redis": round(used["from redis"] / events),
    }


def of_sessions(redis_url: str, sessions: int) -> dict[str, Any]:
    """Memory of a session, and what it costs to be there and do nothing."""
    with server("link", redis_url, SLEEP_SECONDS) as (pid, url), crowd(served(url), "link") as users:
        wave(pid, users, WARM_UP, SETTLE_SECONDS)
        base = resident(pid)
        ledger = Ledger(redis_url, pid)
        users.do("open", sessions)
        users.do("click", 20)
        awake = resident(pid)
        time.sleep(SLEEP_SECONDS * 1.2 + 5 + SETTLE_SECONDS)
        idle, kept = resident(pid), ledger.used()["redis memory"]
        ledger.begin()
        time.sleep(20)
        quiet = ledger.used()
        users.do("leave")
    return {
        "node_base_bytes": base,
        "node_bytes_awake": round((awake - base) / sessions),
        "node_bytes_idle": round((idle - base) / sessions),
        "redis_bytes": round(kept / sessions),
        "idle_node_cpu_microseconds_a_second": round(quiet["node cpu"] / sessions / 20 * 1e6, 1),
    }


def wanted(quarter: int, most: int) -> int:
    """Users at some time of a day: few at night, a hump before noon and a higher one in the evening."""
    hour = quarter / 4
    humps = 0.55 * math.exp(-(((hour - 11) / 2.5) ** 2)) + math.exp(-(((hour - 20) / 2.2) ** 2))
    return round(most * (0.06 + 0.94 * min(1.0, humps)))


async def _a_day(urls: list[str], most: int, read: Callable[[], list[int]]) -> list[list[int]]:
    """Users come by a load balancer that takes one node after another, and go when a node lets them."""
    tabs: list[Tab] = []
    rows: list[list[int]] = []
    turn = itertools.count()
    for quarter in range(QUARTERS):
        until = time.monotonic() + 1.0
        want = wanted(quarter, most)
        while len(tabs) > want:  # who came first leaves first
            await tabs.pop(0).stop()
        coming = [Tab(lambda: [urls[next(turn) % len(urls)]]) for _ in range(want - len(tabs))]
        for tab in coming:
            tab.settles = False
            await tab.start()
        tabs += coming
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        rows.append(await asyncio.to_thread(read))
        for tab in tabs:
            if tab.socket is not None:
                with contextlib.suppress(ConnectionClosed):
                    await tab.socket.send('{"type":"ping"}')
    return rows


def of_a_day(redis_url: str, most: int) -> dict[str, Any]:
    """Sessions that three nodes hold, quarter by quarter, as each says with its heartbeats."""
    with fleet("tests/bench/app.py", redis_url, 3) as nodes:
        client = redis.Redis.from_url(redis_url)

        def read() -> list[int]:
            found = [
                json.loads(client.get(key) or "{}") for key in client.scan_iter(f"fc:{nodes.app_name}:node:*")
            ]
            return sorted(node["connected"] for node in found if node)

        rows = asyncio.run(_a_day(nodes.urls, most, read))
    return {"users_wanted": [wanted(q, most) for q in range(QUARTERS)], "connected": rows}


def machine() -> str:
    """The processor that all this ran on."""
    with open("/proc/cpuinfo") as file:  # noqa: PTH123
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    busy = os.getloadavg()[1]
    return f"{name}, {len(names)} cores shared with Valkey, the users and others; load average {busy:.0f}"


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--day", type=int, default=240, help="most users of the load curve")
    options = parser.parse_args()
    with running("valkey") as redis_url:
        rounds = [of_events(redis_url, options.clients, options.seconds) for _ in range(options.rounds)]
        event = min(rounds, key=lambda each: each["node_cpu_microseconds"])  # the least disturbed one
        session = of_sessions(redis_url, options.sessions)
        print(json.dumps({"event": event, "session": session}), file=sys.stderr, flush=True)
        day = of_a_day(redis_url, options.day)
    found = {
        "measured": datetime.now(UTC).date().isoformat(),
        "command": "python -m tests.bench.cloud",
        "machine": machine(),
        "event": event,
        "session": session,
        "day": day,
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    os.sched_setaffinity(0, {1})  # children inherit it; the node under test is moved to the first core
    main()
