"""Starts and stops real processes for the tests of the outer shell."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from tests.environment import without_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
SLOWNESS = float(os.environ.get("TEST_SLOWNESS", "1"))
LONG = 30 * SLOWNESS
COMMAND = ("-m", "flet_cluster.cli", "run")
_BACKENDS = ("(memory)", "(embedded Valkey)", "(redis)")

APP = """\
import flet as ft

def main(page):
    page.add(ft.Text("hello"))

if __name__ == "__main__":
    ft.run(main)
"""

_START = """\
import sys
from flet_cluster.errors import ClusterError
from flet_cluster.running import run_target
try:
    run_target({target!r}, (), {settings!r}, "tests.shell.factories:{factory}")
except ClusterError as error:
    sys.exit(f"Error: {{error}}")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(check: Callable[[], Any], what: str, timeout: float = LONG) -> Any:
    """Wait until a check gives something true; the state of other processes has no event to wait for."""
    deadline = time.monotonic() + timeout
    while not (value := check()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)
    return value


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@dataclass
class Served:
    """A running flet-cluster."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def output(self) -> str:
        return self.log.read_text()

    def url(self) -> str:
        """Wait until it says where it is; for a unix domain socket that is a path."""

        def found() -> str:
            assert self.process.poll() is None, self.output()
            lines = [line for line in self.output().splitlines() if line.endswith(_BACKENDS)]
            return lines[0].partition(": ")[2].rpartition(" (")[0] if lines else ""

        return str(eventually(found, "it says where it is"))

    def who(self) -> dict[str, Any]:
        """Ask over a new connection, so that any worker may answer."""
        answer: dict[str, Any] = httpx.get(f"http://127.0.0.1:{self.port}/who", timeout=5).json()
        return answer

    def answers(self) -> dict[str, Any] | None:
        with contextlib.suppress(httpx.TransportError):
            return self.who()
        return None

    def workers(self) -> list[int]:
        """Process ids of the workers that say they serve, in that order."""
        lines = [line for line in self.output().splitlines() if " serves (pid " in line]
        return [int(line.rpartition("pid ")[2].rstrip(")")) for line in lines]

    def wait(self) -> int:
        return self.process.wait(LONG)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.wait()


@contextlib.contextmanager
def started(folder: Path, *command: str, **env: str) -> Iterator[Served]:
    """Run Python in a folder as a user would, with no variable of Flet but those given.

    The port is what it says itself; see :meth:`Served.url`.
    """
    kept = without_settings()
    log = folder / f"log-{time.monotonic_ns()}.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(ROOT), "FLET_CLUSTER_HOST": "127.0.0.1", **env},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    running = Served(process, 0, log)
    try:
        yield running
    finally:
        print(running.output())
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(LONG)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def served(
    folder: Path, factory: str = "who", *, app: str = APP, log_folder: Path | None = None, **settings: Any
) -> Iterator[Served]:
    """Run an app from a folder with a stand-in factory, until the test is over."""
    script = folder / "app.py"
    if not script.exists():
        script.write_text(app)
    settings.setdefault("port", free_port())
    settings.setdefault("host", "127.0.0.1")
    start = _START.format(target=str(script), settings=settings, factory=factory)
    log = (log_folder or folder) / f"log-{settings['port']}-{time.monotonic_ns()}.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", start],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
    running = Served(process, settings["port"], log)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10 * SLOWNESS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
