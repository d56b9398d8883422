"""Several real nodes: processes of ``flet-cluster run`` that share a Redis.

Each node runs in a read-only folder of its own, as nodes do in containers, and is another process group, so
that a signal means this node only.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from tests.environment import without_settings
from tests.servers import fresh_app
from tests.shell.running import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SECRET = "a secret for tests only, thirty two characters"
START_SECONDS = 30.0


@dataclass
class FleetNode:
    """One process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Address of its socket."""
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def node_id(self) -> str:
        """The id it logged at start."""
        for line in self.log.read_text().splitlines():
            if "node id " in line:
                return line.rpartition("node id ")[2].strip()
        raise AssertionError(f"no node id in {self.log.read_text()}")

    def kill(self) -> int:
        """End it as a power cut would; returns the exit status, which must be that of SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        return self.process.wait(10)

    def pause(self) -> None:
        """Freeze it."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a frozen one run again."""
        self.process.send_signal(signal.SIGCONT)

    def terminate(self, seconds: float = 20.0) -> int:
        """Ask it to leave; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@dataclass
class Fleet:
    """Nodes of one app on one Redis."""

    target: str
    redis_url: str
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    app_name: str = field(default_factory=fresh_app)
    launcher: Sequence[str] = ("-m", "flet_cluster.cli", "run")
    nodes: list[FleetNode] = field(default_factory=list)

    def add(self, **env: str) -> FleetNode:
        """Start one more node and wait until it serves."""
        node = self.spawn(**env)
        self.wait_ready(node)
        return node

    def spawn(self, **env: str) -> FleetNode:
        """Start one more node without waiting."""
        port = free_port()
        number = len(self.nodes)
        home = self.folder / f"node{number}"
        home.mkdir(exist_ok=True)
        home.chmod(0o555)
        log = self.folder / f"node{number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *self.launcher, str(Path(self.target).resolve()), "--port", str(port)],
                cwd=home,
                env=self._env(env),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        node = FleetNode(process, port, log)
        self.nodes.append(node)
        return node

    def _env(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = without_settings()
        root = str(Path(__file__).parent.parent)
        return {
            **kept,
            "PYTHONPATH": root,
            "FLET_CLUSTER_REDIS_URL": self.redis_url,
            "FLET_CLUSTER_APP_NAME": self.app_name,
            "FLET_SECRET_KEY": SECRET,
            "FLET_CLUSTER_HOST": "127.0.0.1",
            "FLET_CLUSTER_CACHE_DIR": "/dev/null/none",  # nothing is compressed beside the tests
            **self.env,
            **more,
        }

    def wait_ready(self, node: FleetNode) -> None:
        """Wait until a node serves; fail with its log when it ends instead."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert node.process.poll() is None, f"node ended:\n{node.log.read_text()}"
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{node.port}/readyz").status_code == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"node not ready:\n{node.log.read_text()}")

    @property
    def urls(self) -> list[str]:
        """Sockets of all nodes that run."""
        return [node.url for node in self.nodes if node.process.poll() is None]

    def node(self, node_id: str) -> FleetNode:
        """The node with an id."""
        return next(node for node in self.nodes if node.node_id == node_id)

    def stop(self) -> None:
        """End everything this fleet started."""
        for node in self.nodes:
            if node.process.poll() is None:
                node.go_on()
                node.process.kill()
            node.process.wait(10)

    def logs(self) -> str:
        """All logs, for failures."""
        return "\n".join(f"--- {node.log.name} ---\n{node.log.read_text()}" for node in self.nodes)


@contextlib.contextmanager
def fleet(target: str, redis_url: str, count: int = 2, **env: str) -> Iterator[Fleet]:
    """Start ``count`` nodes of an app at once."""
    with tempfile.TemporaryDirectory() as folder:
        nodes = Fleet(target, redis_url, Path(folder), env)
        try:
            for node in [nodes.spawn() for _ in range(count)]:
                nodes.wait_ready(node)
            yield nodes
        finally:
            nodes.stop()
