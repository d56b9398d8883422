"""What the cluster tests share: where a tab goes, what the records say, what the app has noted."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import redis
from tests.browser import Browser
from tests.shell.running import SLOWNESS
from tests.tab import open_tab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    import pytest
    from tests.fleet import Fleet, FleetNode
    from tests.steps import Step
    from tests.tab import Tab

PROBE = str(Path(__file__).with_name("probe.py"))
PATIENCE = 20.0 * SLOWNESS


def seconds(value: float) -> str:
    """A timeout for a node's environment, longer on slow machines."""
    return f"{value * SLOWNESS:g}"


async def eventually(check: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait until a check gives something true; other processes have no event to wait for."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while not (value := check()):
        assert loop.time() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.02)
    return value


def metric(node: FleetNode, name: str, **labels: str) -> float:
    """Sum of a node's metric over all series that have these labels; 0 while there is none."""
    text = httpx.get(f"http://127.0.0.1:{node.port}/metrics").text
    lines = re.findall(rf"^flet_cluster_{name}(?:_total)?{{(.*)}} (\S+)$", text, re.MULTILINE)
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(value) for found, value in lines if all(part in found for part in wanted))


async def closed_with(tab: Tab, code: int) -> None:
    """Wait until one of a tab's sockets was closed with this code."""
    await eventually(lambda: code in tab.closes, f"close code {code} in {tab.closes}")


def send(tab: Tab, *steps: Step) -> None:
    """Do what a user does, without waiting for anything."""
    for step in steps:
        for packet in tab.client.step(step):
            tab.send(packet)


async def leave(node: FleetNode) -> int:
    """Ask a node to leave; its exit status. The test's tabs live on meanwhile."""
    return await asyncio.to_thread(node.terminate, PATIENCE)


class Reachable(Protocol):
    """A node, or a wire to one."""

    @property
    def url(self) -> str: ...


class Place:
    """The addresses a tab knows; a test changes them under it."""

    def __init__(self, *nodes: Reachable) -> None:
        self._nodes = nodes

    def __call__(self) -> list[str]:
        if not self._nodes:
            raise ConnectionRefusedError("no node for this tab at the moment")
        return [node.url for node in self._nodes]

    def move(self, *nodes: Reachable) -> None:
        """From the next connection on."""
        self._nodes = nodes


def id_of(token: str) -> str:
    """The session a token names."""
    return token.partition("~")[0]


def session_of(tab: Tab) -> str:
    """The id of a tab's session."""
    assert tab.link.token is not None
    return id_of(tab.link.token)


@dataclass(frozen=True)
class Row:
    """A record as it is in Redis."""

    epoch: int
    owner: str
    commit: int
    rx: int
    main: str
    fields: dict[str, bytes]


class Records:
    """Looks into a fleet's Redis."""

    def __init__(self, fleet: Fleet) -> None:
        self.redis = redis.Redis.from_url(fleet.redis_url)
        self._prefix = f"fc:{fleet.app_name}"

    def key(self, session_id: str) -> str:
        """Where a session's record is."""
        return f"{self._prefix}:{{{session_id}}}:s"

    def row(self, session_id: str) -> Row | None:
        """A session's record, if there is one."""
        found: Any = self.redis.hgetall(self.key(session_id))
        if not found:
            return None
        fields = {name.decode(): value for name, value in found.items()}
        number = {name: int(fields[name]) for name in ("epoch", "commit", "rx")}
        return Row(**number, owner=fields["owner"].decode(), main=fields["main"].decode(), fields=fields)

    def count(self) -> int:
        """How many sessions there are."""
        keys: Any = self.redis.keys(f"{self._prefix}:{{*}}:s")
        return len(keys)

    def existing(self, session_id: str) -> Row:
        """A session's record."""
        row = self.row(session_id)
        assert row is not None, f"session {session_id} has no record"
        return row

    def ttl(self, session_id: str) -> float:
        """Seconds until Redis drops the record."""
        left: Any = self.redis.pttl(self.key(session_id))
        return float(left) / 1000

    def channel(self, node: FleetNode) -> str:
        """A node's control channel."""
        return f"{self._prefix}:bus:ctl:{node.node_id}"


@dataclass
class Marks:
    """What the probe has noted."""

    path: Path
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.path.touch()
        self.env = {"MARKS": str(self.path)}

    def all(self, route: str) -> list[tuple[str, int]]:
        """What happened in the session with this route, in order: (what, process id)."""
        lines = [json.loads(line) for line in self.path.read_bytes().splitlines()]
        return [(line["what"], line["pid"]) for line in lines if line["route"] == route]

    def of(self, route: str, *names: str) -> list[str]:
        """What happened, without where; only ``names`` if any are given."""
        return [what for what, _ in self.all(route) if not names or what in names]


@dataclass
class World:
    """A fleet of the probe, and the means to look at it."""

    fleet: Fleet
    marks: Marks
    records: Records
    route: str

    def pair(self) -> tuple[FleetNode, FleetNode]:
        """Two nodes that run; started if tests before have ended theirs."""
        alive = [node for node in self.fleet.nodes if node.process.poll() is None]
        fresh = [self.fleet.spawn() for _ in range(2 - len(alive))]
        for node in fresh:
            self.fleet.wait_ready(node)
        first, second, *_ = alive + fresh
        return first, second

    def tab(
        self, place: Callable[[], list[str]], browser: Browser | None = None, **attributes: Any
    ) -> AbstractAsyncContextManager[Tab]:
        """Open a tab of this test's own."""
        return open_tab(place, browser or Browser(route=self.route), **attributes)

    def noted(self, *names: str) -> list[str]:
        """What the app noted in this test's session."""
        return self.marks.of(self.route, *names)

    async def until_noted(self, name: str, times: int = 1) -> None:
        """Wait until the app has noted something."""
        await eventually(lambda: len(self.noted(name)) >= times, f"{times} x {name}: {self.noted()}")

    def row(self, tab: Tab) -> Row:
        """The record of a tab's session."""
        return self.records.existing(session_of(tab))


def watched(nodes: Fleet, marks: Marks, request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a fleet to one test; show the logs if it fails. A traceback in any log fails it."""
    before = nodes.logs().count("Traceback")
    failed = request.session.testsfailed
    yield World(nodes, marks, Records(nodes), f"/{secrets.token_hex(4)}")
    logs = nodes.logs()
    if request.session.testsfailed > failed:
        print(logs)
    assert logs.count("Traceback") == before, logs
