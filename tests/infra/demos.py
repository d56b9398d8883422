"""Runs ``flet-cluster demo`` as its users do: with lines, or in a terminal."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.shell.running import LONG, ROOT, alive, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = (sys.executable, "-m", "flet_cluster.cli", "demo")


def environment(folder: Path) -> dict[str, str]:
    """Variables of a demo whose files go to a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLET_")}
    cache = {"FLET_CLUSTER_CACHE_DIR": "/dev/null/none"}  # nothing is compressed beside the tests
    return {**kept, **cache, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}


@dataclass
class Demo:
    """A demo that runs.

    Attributes:
        process: of the command.
        folder: where everything of it is while it runs.
        log: what it printed.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    log: Path

    def said(self, pattern: str, count: int = 1) -> list[str]:
        """Wait until so many lines match; return what the pattern's group found in them."""

        def found() -> list[str]:
            lines = re.findall(pattern, self.log.read_text(), re.MULTILINE)
            assert len(lines) >= count or self.process.poll() is None, self.log.read_text()
            return lines if len(lines) >= count else []

        return list(eventually(found, f"it says {pattern}: {self.log.read_text()}", 2 * LONG))

    def tell(self, line: str) -> None:
        """Write a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    @property
    def url(self) -> str:
        """Where browsers go."""
        return self.said(r"Open (http://\S+/)")[0]

    @property
    def socket(self) -> str:
        """Where its websocket is."""
        return self.url.replace("http", "ws") + "ws"

    def children(self) -> list[int]:
        """Ids of the processes that it has."""
        me = str(self.process.pid)
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if stat.read_text().rpartition(")")[2].split()[1] == me:
                    found.append(int(stat.parent.name))
        return found


@contextlib.contextmanager
def demo(folder: Path, *words: str, before: tuple[str, ...] = (), **env: str) -> Iterator[Demo]:
    """Run one with lines; in the end nothing of it is left, whatever happened.

    ``before`` goes in front of its command, and ``env`` to its variables.
    """
    log = folder / "demo.log"
    files = Path(tempfile.mkdtemp(prefix="demo-"))  # names of sockets have to be short
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*before, *COMMAND, "--plain", *words],
            cwd=folder,
            env={**environment(files), **env},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    made = Demo(process, files, log)
    try:
        yield made
    finally:
        print(log.read_text())
        print(*(file.read_text()[-3000:] for file in files.rglob("*node*.log")), sep="\n---\n")
        children = made.children()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LONG)
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
        eventually(lambda: not any(map(alive, children)), "all its processes have ended")
        shutil.rmtree(files)
