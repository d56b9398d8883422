"""How many commits a second: ``python -m tests.stores.bench_store [kind...]``.

Fifty sessions of one node commit 4 kB each, again and again, all at once. "single" is what a store without
batching would do: one command at a time on a pool of connections.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.servers import fresh_app, running

from flet_cluster.model import Commit, Lease
from flet_cluster.stores import scripts
from flet_cluster.stores.connect import connect
from flet_cluster.stores.keys import Keys
from flet_cluster.stores.memory import MemoryStore
from flet_cluster.stores.redis import RedisStore, _pack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.stores.base import SessionStore

SESSIONS = 50
SECONDS = 3.0
TIMEOUT = 600.0


async def measure(commit: Callable[[Lease, Commit], Awaitable[Any]], leases: list[Lease]) -> str:
    """Let every session commit as often as it can."""
    image = secrets.token_bytes(4096)
    latencies: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()

    async def session(lease: Lease) -> None:
        n = 1
        while (now := time.perf_counter()) < began + SECONDS:
            n += 1
            await commit(lease, Commit(n, rx=n, image=image))
            latencies.append(time.perf_counter() - now)

    await asyncio.gather(*(session(lease) for lease in leases))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    latencies.sort()
    median, tail = (latencies[int(len(latencies) * share)] * 1e3 for share in (0.5, 0.99))
    rate, cost = len(latencies) / wall, cpu / len(latencies) * 1e6
    return f"{rate:8.0f} commits/s  {cost:6.1f} us cpu each  median {median:5.2f} ms  p99 {tail:5.2f} ms"


async def create(store: SessionStore, sessions: int) -> list[Lease]:
    """Create the sessions."""
    creating = (store.create(secrets.token_hex(8), "bench", Commit(1), TIMEOUT) for _ in range(sessions))
    return await asyncio.gather(*creating)


async def bench_memory() -> None:
    """Measure the memory store."""
    store = MemoryStore()
    leases = await create(store, SESSIONS)
    print(
        "memory           ", await measure(lambda lease, commit: store.commit(lease, commit, TIMEOUT), leases)
    )


async def bench_redis(kind: str, url: str) -> None:
    """Measure a Redis store."""
    app = fresh_app()
    store = RedisStore(url, app)
    await store.start()
    for sessions in (SESSIONS, 1):
        leases = await create(store, sessions)
        line = await measure(lambda lease, commit: store.commit(lease, commit, TIMEOUT), leases)
        print(f"{kind:8} batched{sessions:3}", line)
    if kind != "cluster":
        await bench_single(kind, url, app, await create(store, SESSIONS))
    await store.stop()


async def bench_single(kind: str, url: str, app: str, leases: list[Lease]) -> None:
    """Measure the same script called one command at a time."""
    client: Any = connect(url, socket_timeout=5)
    keys = Keys(app, cluster=False)

    async def single(lease: Lease, commit: Commit) -> None:
        args = (lease.owner, 600_000, 30_000, lease.epoch, *_pack(commit))
        sha = scripts.COMMIT.sha
        reply = await client.execute_command("EVALSHA", sha, 2, *keys.session(lease.session_id), *args)
        assert reply[0] == b"ok", reply

    print(f"{kind:8} single {SESSIONS:3}", await measure(single, leases))
    await client.aclose()


def main(kinds: list[str]) -> None:
    """Run the benchmark for each kind of server."""
    asyncio.run(bench_memory())
    for kind in kinds or ["valkey", "redis7", "cluster"]:
        with running(kind) as url:
            asyncio.run(bench_redis(kind, url))


if __name__ == "__main__":
    main(sys.argv[1:])
