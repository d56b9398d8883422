"""Processor time per event of several checkouts and of stock Flet, in turns: what a change costs or wins.

    python -m tests.bench.turns before=/path/to/checkout after=. [--rounds 3] [--seconds 5] [--kind link]

Processor time, not events per second: it depends less on what else the machine does, and the turns take care
of the rest. Measured while all users click, start and end apart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
from pathlib import Path

from tests.bench.events import SECRET, LinkUser, PlainUser, served
from tests.servers import fresh_app, running
from tests.shell.running import free_port

WARM_SECONDS = 0.5
APART_SECONDS = 0.2
"""Before the users stop."""


def processor_seconds(pid: int) -> float:
    """Return what all threads of a process have used, by the scheduler's exact account."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


async def measured(kind: type[PlainUser], url: str, pid: int, clients: int, seconds: float) -> float:
    """Let users click; return processor seconds per event."""
    users = [kind() for _ in range(clients)]
    start = asyncio.Barrier(clients + 1)

    async def watch() -> float:
        await start.wait()
        await asyncio.sleep(WARM_SECONDS)
        used, count = processor_seconds(pid), sum(user.count for user in users)
        await asyncio.sleep(seconds - WARM_SECONDS - APART_SECONDS)
        return (processor_seconds(pid) - used) / (sum(user.count for user in users) - count)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(user.run(url, start, seconds) for user in users))
    return await watching


def one_turn(tree: Path | None, kind: type[PlainUser], redis_url: str, options: argparse.Namespace) -> float:
    """Serve the counter page from a checkout, or by stock Flet; return processor seconds per event."""
    port = free_port()
    where = tree or Path.cwd()
    env = {"PYTHONPATH": f"{where / 'server'}:{where}"}
    command = ["-m", "tests.bench.stock", str(port)]
    if tree is not None:
        env |= {"FLET_CLUSTER_REDIS_URL": redis_url, "FLET_SECRET_KEY": SECRET}
        env |= {"FLET_CLUSTER_APP_NAME": fresh_app()}
        app = str(where / "tests/bench/app.py")
        command = ["-m", "flet_cluster.cli", "run", app, "--host", "127.0.0.1", "--port", str(port)]
    url = f"ws://127.0.0.1:{port}/ws"
    with served(command, port, env) as pid:
        user = kind if tree is not None else PlainUser
        return asyncio.run(measured(user, url, pid, options.clients, options.seconds))


def main() -> None:
    """Take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", nargs="+", metavar="NAME=PATH")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--kind", choices=("link", "plain"), default="link")
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})  # children inherit it, servers are moved
    trees: dict[str, Path | None] = {"stock": None}
    for checkout in options.checkouts:
        name, _, path = checkout.partition("=")
        trees[name] = Path(path).resolve()
    used: dict[str, list[float]] = {name: [] for name in trees}
    with running("valkey") as redis_url:
        for number in range(options.rounds):
            for name, tree in trees.items():
                kind = LinkUser if options.kind == "link" else PlainUser
                used[name].append(one_turn(tree, kind, redis_url, options))
            print(number, "  ".join(f"{name} {of[-1] * 1e6:.0f} µs" for name, of in used.items()), flush=True)
    stock = statistics.median(used["stock"])
    for name, of in used.items():
        median = statistics.median(of)
        print(
            f"{name}: {median * 1e6:.0f} µs of processor per event, {stock / median:.2f} times stock's events"
        )


if __name__ == "__main__":
    main()
