"""Events per second with a strict commit to Redis, against stock Flet, in interleaved rounds.

    python -m tests.bench.events [--rounds 5] [--seconds 4] [--clients 50]

The server under test has the first core for itself; Valkey and the clients share the second. Each client
clicks, waits for the patch, and clicks again. Prints events per second of each round and the median ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import websockets
from tests.flet_client import FletClient
from tests.servers import fresh_app, running
from tests.shell.running import free_port
from tests.steps import Click, Find
from websockets.asyncio.client import connect

from flet_cluster.protocol.client_link import ClientLink, PayloadReceived
from flet_cluster.protocol.frames import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "a secret for benchmarks only, thirty two characters"
CLICK = Click(Find(key="add"))


@contextlib.contextmanager
def served(command: list[str], port: int, env: dict[str, str]) -> Iterator[int]:
    """Run a server on the first core until the block ends."""
    process = subprocess.Popen(
        ["taskset", "-c", "0", sys.executable, *command], env={**os.environ, **env}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{port}/")
                break
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


class PlainUser:
    """Clicks over plain Flet."""

    subprotocols: ClassVar[list[Any] | None] = None

    def __init__(self) -> None:
        self.client = FletClient()
        self.count = 0
        self.times: list[float] = []

    async def run(self, url: str, start: asyncio.Barrier, seconds: float) -> None:
        """Register; once all have, click until the time is up."""
        async with connect(url, subprotocols=self.subprotocols, compression=None, max_size=None) as socket:
            await self.begin(socket)
            click = self.client.step(CLICK)[0]
            await start.wait()
            until = time.perf_counter() + seconds
            while (began := time.perf_counter()) < until:
                await self.click(socket, click)
                self.times.append(time.perf_counter() - began)
                self.count += 1

    async def begin(self, socket: Any) -> None:
        """Register and wait for the button."""
        await socket.send(self.client.register())
        while not self._ready():
            for reply in self.client.feed(await socket.recv()):
                await socket.send(reply)

    def _ready(self) -> bool:
        try:
            return bool(self.client.step(CLICK))
        except LookupError:
            return False
        except AssertionError:
            return False

    async def click(self, socket: Any, packet: bytes) -> None:
        """One event and its patch."""
        await socket.send(packet)
        await socket.recv()


class LinkUser(PlainUser):
    """Clicks over the resumable link."""

    subprotocols: ClassVar[list[Any] | None] = [websockets.Subprotocol(SUBPROTOCOL)]

    def __init__(self) -> None:
        super().__init__()
        self.link = ClientLink(f"bench-{id(self)}")

    async def begin(self, socket: Any) -> None:
        """Say hello, register and wait for the button."""
        self.link.connected()
        self.link.send(self.client.register())
        await self._flush(socket)
        while not self._ready():
            for payload in await self._receive(socket):
                for reply in self.client.feed(payload):
                    self.link.send(reply)
            await self._flush(socket)

    async def click(self, socket: Any, packet: bytes) -> None:
        """One event and its patch."""
        self.link.send(packet)
        await self._flush(socket)
        while not await self._receive(socket):
            pass

    async def _flush(self, socket: Any) -> None:
        for message in self.link.data_to_send():
            await socket.send(message)

    async def _receive(self, socket: Any) -> list[bytes]:
        events = self.link.receive(await socket.recv())
        return [event.payload for event in events if isinstance(event, PayloadReceived)]


async def load(kind: type[PlainUser], url: str, clients: int, seconds: float) -> tuple[float, list[float]]:
    """Run the clients; returns events per second and the sorted latencies."""
    users = [kind() for _ in range(clients)]
    start = asyncio.Barrier(clients)
    await asyncio.gather(*(user.run(url, start, seconds) for user in users))
    return sum(user.count for user in users) / seconds, sorted(t for user in users for t in user.times)


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one_round(name: str, redis_url: str, clients: int, seconds: float) -> tuple[float, list[float], float]:
    """Start a server, load it, stop it; returns rate, latencies and processor seconds per event."""
    port = free_port()
    env = {"PYTHONPATH": str(Path.cwd())}
    if name == "stock":
        command = ["-m", "tests.bench.stock", str(port)]
    else:
        command = [
            "-m",
            "flet_cluster.cli",
            "run",
            "tests/bench/app.py",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        if name != "memory":
            env |= {"FLET_CLUSTER_REDIS_URL": redis_url, "FLET_SECRET_KEY": SECRET}
            env |= {"FLET_CLUSTER_APP_NAME": fresh_app()}
    kind = LinkUser if name == "link" else PlainUser
    with served(command, port, env) as pid:
        before = cpu_seconds(pid)
        rate, times = asyncio.run(load(kind, f"ws://127.0.0.1:{port}/ws", clients, seconds))
        return rate, times, (cpu_seconds(pid) - before) / len(times)


def main() -> None:
    """Compare in interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--servers", default="stock,plain,link")
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})  # children inherit it, servers are moved
    names = options.servers.split(",")
    rates: dict[str, list[float]] = {name: [] for name in names}
    with running("valkey") as redis_url:
        for number in range(options.rounds):
            for name in names:
                rate, times, cpu = one_round(name, redis_url, options.clients, options.seconds)
                rates[name].append(rate)
                middle, late = times[len(times) // 2], times[int(len(times) * 0.99)]
                print(
                    f"{number} {name:7} {rate:7.0f} ev/s  p50 {middle * 1e3:.1f}  p99 {late * 1e3:.1f} ms"
                    f"  {cpu * 1e6:.0f} µs of processor per event"
                )
    stock = rates[names[0]]
    for name in names[1:]:
        ratios = [mine / theirs for mine, theirs in zip(rates[name], stock, strict=True)]
        print(f"{name}/{names[0]}: median {statistics.median(ratios):.2f} of {[round(r, 2) for r in ratios]}")


if __name__ == "__main__":
    main()
