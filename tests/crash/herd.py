"""The nodes of one app in the crash tests: forked from a zygote, killed, replaced by one that stands by."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import tempfile
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from tests.crash.nodes import MAIN_RUNS, QUIET
from tests.crash.zygote import PYTHONPATH
from tests.environment import NO_MANAGEMENT_PORT
from tests.fleet import SECRET
from tests.servers import fresh_app
from tests.twin import ENVIRONMENT

from flet_cluster.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.crash.zygote import Zygote
    from tests.tab import Tab

NODE_MODULES = (
    "flet",
    "uvicorn",
    "uvloop",
    "httptools",
    "websockets",
    "tests.crash.nodes",
    "flet_cluster.running",
)
"""What a node's zygote imports: libraries, the product, and nothing of any app."""
PATIENCE = 30.0
POLL = 0.004
OBSERVED = "tests.crash.nodes:observed"
CRASHING = "tests.crash.nodes:crashing"


@dataclass
class Node:
    """One process."""

    zygote: Zygote
    pid: int
    log: Path

    @property
    def node_id(self) -> str:
        """The id it logged at its start; "" before."""
        found = re.search(r"node id (\S+)", self.log.read_text())
        return found[1] if found else ""

    @property
    def port(self) -> int:
        """The port it announced once it was open; 0 before."""
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.log.read_text())
        return int(found[1]) if found else 0

    @property
    def url(self) -> str:
        """Address of its socket."""
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self.zygote.status(self.pid)

    async def ready(self) -> Node:
        """Wait until it serves."""
        await self._until(lambda: bool(self.port and self.node_id))
        return self

    async def kill(self) -> int:
        """End it as a power cut would; returns the exit status."""
        self.zygote.signal(self.pid, signal.SIGKILL)
        return await self.ended()

    def terminate(self) -> None:
        """Ask it to leave."""
        self.zygote.signal(self.pid, signal.SIGTERM)

    async def ended(self) -> int:
        """Wait for its end; returns the exit status."""
        return await self.zygote.ended(self.pid)

    async def _until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    assert self.status is None, f"the node ended:\n{self.log.read_text()}"
                    await asyncio.sleep(POLL)
        except TimeoutError as error:
            raise AssertionError(f"the node is not ready:\n{self.log.read_text()}") from error


@dataclass
class Herd:
    """Nodes of one app on one Redis.

    Attributes:
        stand_by: how many nodes are started ahead of need.
    """

    zygote: Zygote
    target: Path
    store: RedisStore
    redis_url: str
    folder: Path
    http: httpx.AsyncClient
    app_name: str
    factory: str
    env: Mapping[str, str]
    stand_by: int
    nodes: list[Node] = field(default_factory=list)
    _waiting: deque[Node] = field(default_factory=deque)

    def spawn(self, **env: str) -> Node:
        """Start a node; it is ready later."""
        number = len(self.nodes)
        home = self.folder / f"node{number}"
        home.mkdir(mode=0o555)
        log = self.folder / f"node{number}.log"
        log.touch()
        arguments = (str(self.target), (), {"host": "127.0.0.1", "port": 0}, self.factory)
        pid = self.zygote.start("flet_cluster.running:run_target", arguments, self._env(env), home, log)
        self.nodes.append(Node(self.zygote, pid, log))
        return self.nodes[-1]

    async def next(self) -> Node:
        """A node that serves and has never seen a session; another one starts in its place."""
        while len(self._waiting) <= self.stand_by:
            self._waiting.append(self.spawn())
        return await self._waiting.popleft().ready()

    def _env(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("FLET_")}
        return {
            **kept,
            **NO_MANAGEMENT_PORT,
            "PYTHONPATH": PYTHONPATH,
            "FLET_CLUSTER_REDIS_URL": self.redis_url,
            "FLET_CLUSTER_APP_NAME": self.app_name,
            "FLET_SECRET_KEY": SECRET,
            MAIN_RUNS: str(self.folder / "main_runs"),
            **self.env,
            **more,
        }

    def main_runs(self, tab: Tab) -> list[int]:
        """The processes that began to run ``main`` for a tab's session, in order."""
        file = self.folder / "main_runs"
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [int(pid) for session_id, pid in lines if session_id == self.session_of(tab)]

    async def seats(self, node: Node) -> dict[str, dict[str, Any]]:
        """What a node says of the sessions it has."""
        answer = await self.http.get(f"http://127.0.0.1:{node.port}{QUIET}")
        seats: dict[str, dict[str, Any]] = json.loads(answer.content)
        return seats

    async def settle(self, tab: Tab, node: Node) -> None:
        """Wait until a tab's input is done and committed, and the tab has all its output."""
        session_id = self.session_of(tab)
        state: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await tab.until(lambda: tab.link.pending == 0 and tab.node == node.node_id, PATIENCE)
                    state = (await self.seats(node)).get(session_id, {})
                    # In this order: what the tab received in the meantime may have made it answer.
                    heard_all = state.get("tx") == tab.link.rx and state.get("rx") == tab.link.tx
                    if state.get("quiet") and heard_all and tab.link.pending == 0:
                        return
                    await asyncio.sleep(POLL)
        except TimeoutError as error:
            link = f"rx {tab.link.rx}, tx {tab.link.tx}, pending {tab.link.pending}, at {tab.node}"
            raise AssertionError(
                f"not settled: {state}, {link}, closes {tab.closes}\n{self.logs()}"
            ) from error

    @staticmethod
    def session_of(tab: Tab) -> str:
        """The session a tab shows: tokens begin with its id."""
        return (tab.link.token or "").partition("~")[0]

    async def owner(self, tab: Tab) -> str:
        """Who holds a tab's session, by the store."""
        record = await self.store.peek(self.session_of(tab))
        assert record is not None
        return record.owner

    def complaints(self) -> str:
        """What the nodes' logs say beyond the news of every start and takeover."""
        news = ("INFO", "has no replica", "taken by force", ": http://")
        lines = [line for node in self.nodes for line in node.log.read_text().splitlines()]
        return "\n".join(line for line in lines if not any(word in line for word in news))

    def logs(self) -> str:
        """All logs, for failures."""
        return "\n".join(
            f"--- {node.log.name} {node.status} ---\n{node.log.read_text()}" for node in self.nodes
        )


@contextlib.asynccontextmanager
async def herd(
    zygote: Zygote,
    target: Path,
    redis_url: str,
    factory: str = OBSERVED,
    stand_by: int = 1,
    **env: str,
) -> AsyncIterator[Herd]:
    """Room for nodes of an app; kills those that are left at the end."""
    name = fresh_app()
    store = RedisStore(redis_url, name)
    with tempfile.TemporaryDirectory() as folder:
        async with httpx.AsyncClient() as http:
            nodes = Herd(zygote, target, store, redis_url, Path(folder), http, name, factory, env, stand_by)
            await store.start()
            try:
                yield nodes
            finally:
                for node in nodes.nodes:
                    await node.kill()
                await store.stop()
