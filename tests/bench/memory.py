"""Resident memory per idle session, connected and gone, and what waking costs; stock Flet in the same run.

    python -m tests.bench.memory [--sessions 2000] [--waves 3] [--servers stock,link,plain]

Each server runs in a process of its own. A wave of users opens the page, clicks once and is then silent for
longer than a session stays awake; then everybody leaves. Printed are the bytes per session by which the
process has grown since before the first wave. What was once in use, the allocator mostly keeps for the next
sessions; so what those that are gone cost is how much that grows from wave to wave.

Then 50 users wake their sessions by a click on a page of 50 controls, and click once more while they are
awake: the difference of the medians is what waking costs.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.crowd import Remote, crowd
from tests.bench.events import SECRET, served
from tests.servers import fresh_app, running
from tests.shell.running import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

WARM_UP = 100
"""Users before the first measurement: what grows once, for all, is not a session's."""
SETTLE_SECONDS = 3.0
"""After the last of them has fallen asleep or left."""


def resident(pid: int) -> int:
    """Bytes of memory that a process has in use."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} is gone")


@contextlib.contextmanager
def server(kind: str, redis_url: str, hibernate_after: float, app: str = "app") -> Iterator[tuple[int, str]]:
    """Run one of the servers; yields its process id and its socket's URL."""
    port = free_port()
    env = {"PYTHONPATH": str(Path.cwd())}
    if kind == "stock":
        command = ["-m", "tests.bench.stock", str(port), f"tests.bench.{app}"]
    else:
        command = ["-m", "flet_cluster.cli", "run", f"tests/bench/{app}.py", "--host", "127.0.0.1"]
        command += ["--port", str(port)]
        env |= {"FLET_CLUSTER_REDIS_URL": redis_url, "FLET_SECRET_KEY": SECRET}
        env |= {"FLET_CLUSTER_APP_NAME": fresh_app(), "FLET_CLUSTER_CACHE_DIR": "/dev/null/none"}
        env |= {"FLET_CLUSTER_HIBERNATE_AFTER": f"{hibernate_after:g}"}
    with served(command, port, env) as pid:
        yield pid, f"ws://127.0.0.1:{port}/ws"


def wave(pid: int, users: Remote, sessions: int, quiet: float) -> tuple[int, int, int]:
    """One wave; returns the bytes in use with users who have just clicked, who are silent, and gone."""
    users.do("open", sessions)
    users.do("click", 20)
    awake = resident(pid)
    time.sleep(quiet)
    idle = resident(pid)
    users.do("leave")
    time.sleep(SETTLE_SECONDS)
    return awake, idle, resident(pid)


def measure(kind: str, redis_url: str, sessions: int, waves: int, hibernate_after: float) -> None:
    """All waves of one server."""
    quiet = SETTLE_SECONDS + (hibernate_after * 1.2 + 5 if kind != "stock" else 0)
    with server(kind, redis_url, hibernate_after) as (pid, url), crowd(url, kind) as users:
        wave(pid, users, WARM_UP, SETTLE_SECONDS)
        before = resident(pid)
        left: list[float] = []
        for number in range(1, waves + 1):
            awake, idle, gone = ((value - before) / sessions for value in wave(pid, users, sessions, quiet))
            print(
                f"{kind:6} wave {number}: per session {awake / 1000:5.1f} kB awake, "
                f"{idle / 1000:5.1f} kB idle, {gone / 1000:5.2f} kB when gone",
                flush=True,
            )
            left.append(gone)
        if waves > 1:
            print(f"{kind:6} growth per departed session: {(left[-1] - left[0]) / (waves - 1) / 1000:.2f} kB")


def wake(kind: str, redis_url: str) -> None:
    """What the first click after a long silence costs."""
    with server(kind, redis_url, 1, "page50") as (_, url), crowd(url, kind) as users:
        users.do("open", 50)
        users.do("click", 1)
        asleep, awake = [], []
        for _ in range(3):
            time.sleep(3)
            asleep += users.do("click", 1)
            awake += users.do("click", 1)
    slow, fast = statistics.median(asleep), statistics.median(awake)
    print(
        f"{kind:6} click with 50 controls: asleep {slow * 1e3:.2f} ms, awake {fast * 1e3:.2f} ms (medians): "
        f"waking costs {(slow - fast) * 1e3:.2f} ms"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--waves", type=int, default=3)
    parser.add_argument("--servers", default="stock,link,plain")
    parser.add_argument("--hibernate-after", type=float, default=60)
    options = parser.parse_args()
    with running("valkey") as redis_url:
        for kind in options.servers.split(","):
            measure(kind, redis_url, options.sessions, options.waves, options.hibernate_after)
        for kind in options.servers.split(","):
            if kind != "stock":
                wake(kind, redis_url)


if __name__ == "__main__":
    main()
