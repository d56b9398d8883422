"""How long other users wait while one user's sync handler blocks (I9): ours against stock Flet, in one run.

    python -m tests.bench.isolation [--rounds 3] [--clients 20] [--servers stock,plain,link,loop]

One user clicks a button whose handler sleeps for two seconds; the others click a counter every 50 ms, and
what they send while it sleeps is measured until the answer is there. ``plain`` is ours over plain Flet,
``link`` over the resumable link, both with a strict commit to Valkey; ``loop`` is ``link`` with
``FLET_CLUSTER_SYNC_HANDLERS=loop``. The server has the first core for itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from pathlib import Path

from tests.bench.blocking_app import BLOCK_SECONDS
from tests.bench.events import CLICK, SECRET, LinkUser, PlainUser, served
from tests.servers import fresh_app, running
from tests.shell.running import free_port
from tests.steps import Click, Find
from websockets.asyncio.client import connect

BLOCK = Click(Find(key="block"))
PERIOD = 0.05
LEAD = 0.3


class Round:
    """One server, one handler that blocks, many who click meanwhile.

    Attributes:
        waits: how long each click took that was sent while the handler slept, in seconds.
    """

    def __init__(self, kind: type[PlainUser], url: str, clients: int) -> None:
        self._kind, self._url = kind, url
        self._clients = clients
        self._start = asyncio.Barrier(clients + 1)
        self._blocked_from = self._blocked_until = float("inf")
        self.waits: list[float] = []

    async def run(self) -> None:
        """Let all of them click until the handler has returned."""
        await asyncio.gather(self._block(), *(self._click(number) for number in range(self._clients)))

    async def _block(self) -> None:
        """The user whose handler blocks."""
        user = self._kind()
        async with connect(self._url, subprotocols=user.subprotocols, max_size=None) as socket:
            await user.begin(socket)
            await self._start.wait()
            await asyncio.sleep(LEAD)
            self._blocked_from = time.perf_counter()
            self._blocked_until = self._blocked_from + BLOCK_SECONDS
            if isinstance(user, LinkUser):
                user.link.send(user.client.step(BLOCK)[0])
                await user._flush(socket)
            else:
                await socket.send(user.client.step(BLOCK)[0])
            await asyncio.sleep(BLOCK_SECONDS + LEAD)

    async def _click(self, number: int) -> None:
        """One of the others."""
        user = self._kind()
        async with connect(self._url, subprotocols=user.subprotocols, max_size=None) as socket:
            await user.begin(socket)
            click = user.client.step(CLICK)[0]
            await self._start.wait()
            await asyncio.sleep(PERIOD * number / self._clients)
            while (began := time.perf_counter()) < self._blocked_until:
                await user.click(socket, click)
                ended = time.perf_counter()
                if self._blocked_from <= began < self._blocked_until:
                    self.waits.append(ended - began)
                await asyncio.sleep(max(0.0, PERIOD - (ended - began)))


def one_round(name: str, redis_url: str, clients: int) -> list[float]:
    """Start a server, run a round, stop it; returns the sorted waits."""
    port = free_port()
    env = {"PYTHONPATH": str(Path.cwd())}
    if name == "stock":
        command = ["-m", "tests.bench.stock", str(port), "tests.bench.blocking_app"]
    else:
        command = ["-m", "flet_cluster.cli", "run", "tests/bench/blocking_app.py", "--port", str(port)]
        env |= {"FLET_CLUSTER_REDIS_URL": redis_url, "FLET_SECRET_KEY": SECRET}
        env |= {"FLET_CLUSTER_APP_NAME": fresh_app()}
        env |= {"FLET_CLUSTER_SYNC_HANDLERS": "loop" if name == "loop" else "thread"}
    kind = LinkUser if name in {"link", "loop"} else PlainUser

    async def run() -> list[float]:
        measured = Round(kind, f"ws://127.0.0.1:{port}/ws", clients)
        await measured.run()
        return sorted(measured.waits)

    with served(command, port, env):
        return asyncio.run(run())


def main() -> None:
    """Compare in interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--servers", default="stock,plain,link")
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})  # children inherit it, servers are moved
    names = options.servers.split(",")
    late: dict[str, list[float]] = {name: [] for name in names}
    with running("valkey") as redis_url:
        for number in range(options.rounds):
            for name in names:
                waits = one_round(name, redis_url, options.clients)
                late[name].append(waits[int(len(waits) * 0.99)])
                print(
                    f"{number} {name:6} {len(waits):5} clicks  p50 {waits[len(waits) // 2] * 1e3:7.1f}"
                    f"  p99 {late[name][-1] * 1e3:7.1f}  max {waits[-1] * 1e3:7.1f} ms"
                )
    for name in names[1:]:
        ratios = [theirs / mine for mine, theirs in zip(late[name], late[names[0]], strict=True)]
        print(
            f"{name}: median p99 {statistics.median(late[name]) * 1e3:.1f} ms while a handler sleeps "
            f"{BLOCK_SECONDS:g} s; {names[0]}'s p99 is {statistics.median(ratios):.0f} times that"
        )


if __name__ == "__main__":
    main()
