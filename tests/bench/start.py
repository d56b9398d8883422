"""Time from the start of ``flet-cluster run`` to an open port, with one worker and with three.

    python -m tests.bench.start [--starts 5]

The port is bound only when a node is ready to serve, so the first connection that is accepted is the end.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.environment import without_settings
from tests.shell.running import LONG, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = Path(__file__).with_name("app.py")
PAUSE = 0.005


@contextlib.contextmanager
def started(workers: int, folder: str) -> Iterator[tuple[int, float]]:
    """Run the app; yields its port and the seconds until that was open."""
    port = free_port()
    environment = without_settings()
    began = time.perf_counter()
    with Path(folder, f"log-{port}.txt").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "flet_cluster.cli", "run", str(APP)),
                *("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)),
            ],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        while not is_open(port):
            if process.poll() is not None or time.perf_counter() - began > LONG:
                raise RuntimeError(Path(log.name).read_text())
            time.sleep(PAUSE)
        yield port, time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LONG)


def is_open(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    starts = parser.parse_args().starts
    for workers in (1, 3):
        times = []
        for _ in range(starts):
            with tempfile.TemporaryDirectory() as folder, started(workers, folder) as (_, seconds):
                times.append(seconds)
        median = statistics.median(times) * 1e3
        print(
            f"start to open port, {workers} worker(s) median {median:5.0f} ms  max {max(times) * 1e3:5.0f} ms"
        )


if __name__ == "__main__":
    main()
