"""A bounded load on a fleet of three nodes, one of which is killed and one drained meanwhile (``make load``).

    python -m tests.bench.load [--users 40] [--seconds 60] [--report artifacts/load]

Real nodes and a real Valkey behind haproxy, round robin without stickiness. Browsers, plain clients, a chat,
and users whose network goes away, by Locust; after a third of the time a node is killed with SIGKILL, after
two thirds one is told to leave, and others take their places. Ends with status 1 if an event was lost or
doubled, a session was lost, or nobody had to resume: then this run has shown nothing.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chromium.balancer import balanced
from tests.fleet import Fleet, fleet
from tests.load.driving import LOCUST
from tests.servers import running
from tests.shell.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fleet import FleetNode

APP = str(ROOT / "loadtest" / "_app.py")
USERS = ("LinkUser", "PlainUser", "ChatUser", "MobileUser", "StormUser")


def locust(host: str, users: int, seconds: float, report: Path) -> subprocess.Popen[bytes]:
    """Begin the load."""
    report.parent.mkdir(parents=True, exist_ok=True)
    often = ["--drop-every", f"{seconds / 3:g}", "--storm-every", f"{seconds / 2:g}"]
    files = ["--html", f"{report}.html", "--csv", str(report), "--only-summary"]
    size = ["-u", str(users), "-r", str(users), "-t", f"{seconds:g}s"]
    command = [str(LOCUST), "-f", "loadtest", "--host", host, "--headless", *size, *often, *files, *USERS]
    return subprocess.Popen(command, cwd=ROOT)


def replace(nodes: Fleet, place: int, node: FleetNode, how: str) -> FleetNode:
    """End a node, and start another in its place."""
    status = node.kill() if how == "kill" else node.terminate(60)
    print(f"node {place} {'was killed' if how == 'kill' else f'has left, status {status}'}", flush=True)
    if status != (-9 if how == "kill" else 0):
        raise SystemExit(f"node {place} ended with status {status}:\n{node.log.read_text()}")
    return nodes.spawn(str(node.port))


def resumes(report: Path) -> int:
    """How often users came back."""
    with Path(f"{report}_stats.csv").open() as file:
        return sum(int(row["Request Count"]) for row in csv.DictReader(file) if row["Name"] == "resume")


def load(users: int, seconds: float, report: Path) -> int:
    """Do it all; returns the exit status."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running("valkey") as redis_url,
        fleet(APP, redis_url, 3, FLET_CLUSTER_UPLOAD_DIR=folder) as nodes,
        balanced(list(nodes.nodes), Path(folder)) as front,
    ):
        first, second, _ = nodes.nodes
        process = locust(front.url.rstrip("/"), users, seconds, report)
        try:
            time.sleep(seconds / 3)
            replace(nodes, 1, first, "kill")
            time.sleep(seconds / 3)
            replace(nodes, 2, second, "drain")
            status = process.wait(seconds + 120)
        finally:
            process.kill()
            process.wait()
    came_back = resumes(report)
    print(f"{came_back} resumes; the report is {report}.html")
    return status if came_back else 1


def main(words: Sequence[str] | None = None) -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--report", type=Path, default=ROOT / "artifacts" / "load")
    options = parser.parse_args(words)
    return load(options.users, options.seconds, options.report)


if __name__ == "__main__":
    sys.exit(main())
