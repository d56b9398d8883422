"""haproxy for tests: run with a configuration, asked over its socket."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Any

from tests.shell.running import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DEFAULTS = """\
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
"""
"""What every configuration here begins with: it passes websockets."""


@contextlib.contextmanager
def haproxy(folder: Path, config: str, started: Callable[[], Any]) -> Iterator[None]:
    """Run haproxy until the block ends.

    Args:
        folder: where its configuration and its log go.
        config: the configuration.
        started: whether it is there.
    """
    program = shutil.which(
        "haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin"
    )
    assert program, "install haproxy: apt install haproxy"
    path = folder / "haproxy.cfg"
    path.write_text(config)
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen([program, "-db", "-f", str(path)], stdout=log, stderr=log)
    try:
        eventually(started, f"haproxy starts; see {log.name}")
        yield
    finally:
        process.kill()
        process.wait()


def ask(stats: Path, command: str) -> str:
    """Send a command to the socket that a configuration names, and return the answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(stats))
        client.sendall(command.encode() + b"\n")
        with client.makefile("r") as answer:
            return answer.read()
