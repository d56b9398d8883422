"""ASGI servers as processes: those that people host Flet apps with."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from tests.environment import without_settings
from tests.fleet import SECRET
from tests.shell.running import ROOT, eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

APPS = Path(__file__).parent / "apps"
BIN = Path(sys.executable).parent

COMMANDS: dict[str, tuple[str, ...]] = {
    "uvicorn": ("uvicorn", "{app}", "--port", "{port}"),
    "hypercorn": ("hypercorn", "{app}", "--bind", "127.0.0.1:{port}"),
    "daphne": ("daphne", "-b", "127.0.0.1", "-p", "{port}", "{app}"),
    "gunicorn": ("gunicorn", "--bind", "127.0.0.1:{port}", "-k", "uvicorn_worker.UvicornWorker", "{app}"),
    "flet-cluster": ("flet-cluster", "run", "{app}", "--host", "127.0.0.1", "--port", "{port}"),
}
"""What the documentation of each server says."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def socket(self, path: str = "/ws") -> str:
        """Address of a websocket."""
        return f"ws://127.0.0.1:{self.port}{path}"

    def kill(self) -> None:
        """End it, and what it started, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait(10)

    def text(self) -> str:
        """Return its log."""
        return self.log.read_text()


@contextlib.contextmanager
def serving(
    kind: str, app: str, env: Mapping[str, str] | None = None, ready: str = "/", port: int = 0
) -> Iterator[Server]:
    """Start a server and wait until it answers.

    Args:
        kind: a key of :data:`COMMANDS`.
        app: ``module:attribute``, or a script for ``flet-cluster``.
        env: more environment.
        ready: the path that is asked until it answers with success.
        port: where it listens; 0 for a free port.
    """
    port = port or free_port()
    command = [part.format(app=app, port=port) for part in COMMANDS[kind]]
    kept = without_settings()
    with tempfile.TemporaryDirectory() as home, (log := Path(home) / "log").open("wb") as output:
        process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            cwd=APPS,
            env={**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{APPS}", "FLET_SECRET_KEY": SECRET, **(env or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        server = Server(process, port, log)
        try:
            eventually(lambda: _answers(server, ready), f"{kind} serves {app}")
            yield server
        finally:
            server.kill()


def _answers(server: Server, path: str) -> bool:
    assert server.process.poll() is None, server.text()
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(server.url + path).is_success
    return False


def cluster(redis_url: str, name: str) -> Mapping[str, str]:
    """Environment that makes servers one cluster."""
    return {"FLET_CLUSTER_REDIS_URL": redis_url, "FLET_CLUSTER_APP_NAME": name}


def sockets(servers: Sequence[Server], path: str = "/ws") -> list[str]:
    """Addresses of the servers that run."""
    return [server.socket(path) for server in servers if server.process.poll() is None]
