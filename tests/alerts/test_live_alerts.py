"""A real Prometheus watches real nodes through every trouble that there is an alert for.

Only the waits (``for``) of the rules are shortened: expressions, thresholds and ranges are those delivered. A
fleet of its own makes each kind of trouble, at the same time as the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import redis
from tests.alerts.rules import panels, rules, shortened
from tests.alerts.server import Prometheus, watching
from tests.cluster.tools import Place, eventually, send, session_of
from tests.fleet import Fleet, FleetNode, fleet
from tests.shell.running import free_port
from tests.steps import Click
from tests.tab import TabEnded, open_tab

from flet_cluster.embedded import EmbeddedServer

if TYPE_CHECKING:
    from tests.tab import Tab

APP = Path(__file__).with_name("trouble.py")
BEATS = {"FLET_CLUSTER_HEARTBEAT_INTERVAL": "0.3", "FLET_CLUSTER_HEARTBEAT_TIMEOUT": "2"}
AT_ONCE = 2
"""Nodes that start at the same time."""
LATE = 60.0
"""Seconds after which what should have fired has not."""


def serves(node: FleetNode) -> bool:
    """Whether a node takes visitors; fails with its log when it has ended."""
    assert node.process.poll() is None, node.log.read_text()
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{node.port}/readyz", timeout=1).status_code == 200
    return False


class Watch:
    """What Prometheus looks at, and waits for what it sees."""

    def __init__(self, server: Prometheus) -> None:
        self.server = server
        self.ports: list[int] = []
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def start(self, nodes: Fleet, **env: str) -> FleetNode:
        """Start a node with metrics, and wait until it serves. Not all at once: to start takes a core."""
        port = free_port()
        async with self._turn:
            node = nodes.spawn(FLET_CLUSTER_MANAGEMENT_PORT=str(port), **env)
            self.ports.append(port)
            self.server.watch(*self.ports)
            await eventually(lambda: serves(node), "a node serves", LATE)
        return node

    def of(self, nodes: Fleet) -> set[str]:
        """Which alerts have fired for a fleet."""
        fired = self.server.fired()
        return {name for name, each in fired.items() if any(one.get("app") == nodes.app_name for one in each)}

    async def fires(self, *names: str) -> None:
        """Wait until alerts have fired."""
        for name in names:
            await eventually(partial(self._has_fired, name), f"{name} fires", LATE)

    def _has_fired(self, name: str) -> bool:
        return name in self.server.fired()

    async def sees(self, expression: str) -> None:
        """Wait until an expression has data now."""
        await eventually(lambda: self.server.ask("query", query=expression)["result"], expression, LATE)


def changed(folder: Path) -> str:
    """Write another version of the app; returns its path."""
    path = folder / APP.name
    path.write_text(APP.read_text().replace("sleep(6)", "sleep(7)"))
    return str(path)


def spare_no_files(pid: int) -> None:
    """Let a process have hardly more open files than it has."""
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + used // 10, 4096))


async def clicks(tab: Tab, number: int) -> None:
    for _ in range(number):
        await tab.do(Click("add"))


async def losses(watch: Watch, nodes: Fleet, server: EmbeddedServer) -> None:
    """A drain, a hand-over, kills, a record that does not verify, and a stream that is gone."""
    one, other, third = await asyncio.gather(*(watch.start(nodes) for _ in range(3)))
    store = redis.Redis.from_url(server.url)
    here, there = Place(one), Place(other)
    async with open_tab(here) as tab, open_tab(there) as victim, open_tab(there) as busy:
        await asyncio.gather(clicks(tab, 5), clicks(victim, 5), clicks(busy, 5))
        await tab.do(Click("say"))
        await watch.sees("sum(flet_cluster_event_seconds_count) > 10")
        assert not watch.of(nodes), "all is well, and an alert says otherwise"
        # Handed over: its browser is at another node now.
        here.move(third)
        await tab.cut()
        await clicks(tab, 1)
        await watch.sees('flet_cluster_hand_overs_total{outcome="released"}')
        # Drained.
        assert await asyncio.to_thread(one.terminate) == 0
        # Killed, with one session in the middle of something and another that nobody can read any more.
        send(busy, Click("work"))
        await busy.until(lambda: "working" in busy.client.texts())
        key = next(store.scan_iter(f"*{{{session_of(victim)}}}:s"))
        there.move()
        other.kill()
        store.hset(key, "image", b"no image")
        there.move(third)
        await clicks(busy, 1)
        with contextlib.suppress(TabEnded):
            await clicks(victim, 1)
        assert victim.ended == "reset: seal"
        await watch.fires("FletClusterNodeDied", "FletClusterInterrupted", "FletClusterSealBroken")
        await watch.fires("FletClusterSessionsLost")
        store.delete(*store.scan_iter("*:topic}:*"))
        await busy.do(Click("say"))
        await watch.fires("FletClusterMessagesLost")
        await tab.do(Click("hold"))
        await watch.fires("FletClusterNotPortable")
        # Another version of the app beside this one, and a process without files to spare.
        nodes.target = changed(nodes.folder)
        await watch.start(nodes)
        spare_no_files(third.process.pid)
        await watch.fires("FletClusterVersionsMixed", "FletClusterFilesShort")


async def slow_redis(watch: Watch, nodes: Fleet, server: EmbeddedServer) -> None:
    """A Redis that answers late, and then not at all."""
    node = await watch.start(nodes)
    store = redis.Redis.from_url(server.url)
    async with open_tab(Place(node)) as tab:
        for _ in range(3):
            store.client_pause(1800)
            await clicks(tab, 1)
        await watch.fires("FletClusterCommitsSlow", "FletClusterEventsSlow")
        server.kill()
        send(tab, Click("add"))
        await watch.fires("FletClusterCommitsRepeated", "FletClusterRedisUnreachable")


async def crowded(watch: Watch, nodes: Fleet) -> None:
    """Handlers and calls without threads, a bucket that is not there, an async handler that blocks."""
    node = await watch.start(nodes)
    place = Place(node)
    async with open_tab(place) as one, open_tab(place) as two, open_tab(place) as three:
        await asyncio.gather(clicks(one, 3), clicks(two, 3))
        send(one, Click("block"))
        send(two, Click("block"))
        send(three, Click("look"))
        await watch.fires("FletClusterHandlersWait")
        await three.until(lambda: "looked" in three.client.texts(), LATE)
        await watch.fires("FletClusterBucketTrouble")
        send(three, Click("threads"))
        await watch.fires("FletClusterPageThreadsShort")
        send(three, Click("freeze"))
        await watch.fires("FletClusterLoopBlocked")


async def workers(watch: Watch, nodes: Fleet) -> None:
    """A worker that is killed beside another one."""
    node = await watch.start(nodes, FLET_CLUSTER_WORKERS="2")
    await watch.sees("flet_cluster_workers == 2")
    async with open_tab(Place(node)) as tab:
        await clicks(tab, 2)
    found = watch.server.ask("query", query=f'flet_cluster_node_info{{app="{nodes.app_name}"}}')["result"]
    os.kill(int(found[0]["metric"]["process"]), signal.SIGKILL)
    await watch.fires("FletClusterWorkersDie")


@pytest.mark.timeout(300)
async def test_every_alert_fires_and_every_expression_has_data() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    bucket = {
        "FLET_CLUSTER_S3_BUCKET": "uploads",
        "FLET_CLUSTER_S3_ENDPOINT_URL": nowhere,
        "FLET_CLUSTER_S3_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
    }
    with contextlib.ExitStack() as stack:
        watch = Watch(stack.enter_context(watching(shortened("1s"))))
        common, fragile = (stack.enter_context(EmbeddedServer()) for _ in range(2))
        main, slow, busy, many = (
            stack.enter_context(fleet(str(APP), url, 0, **BEATS, **env))
            for url, env in (
                (common.url, {}),
                (fragile.url, {}),
                (common.url, {"FLET_CLUSTER_LANE_THREADS": "1", **bucket}),
                (common.url, {}),
            )
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(losses(watch, main, common))
            group.create_task(slow_redis(watch, slow, fragile))
            group.create_task(crowded(watch, busy))
            group.create_task(workers(watch, many))
        empty = [found for found in panels() if not watch.server.series(found[1])]
        assert not empty, "the dashboard asks for what is not there"
        gone = 'ALERTS{alertname="FletClusterGone", alertstate="firing"}'
        assert not watch.server.ask("query", query=gone)["result"]
        for nodes in (main, slow, busy, many):
            nodes.stop()
        await watch.sees(gone)
        fired = watch.server.fired()
        assert fired.keys() == {rule["alert"] for rule in rules()}
        for rule in rules():
            assert watch.server.series(rule["expr"]), rule["alert"]
