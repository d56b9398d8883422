"""Time from ``kill -9`` of the node that holds a session to the first frame on another one.

    python -m tests.bench.failover [--kills 50]

Three node processes on a real Valkey, one tab over the real link. The holder is killed and the user clicks at
that moment. Measured: until another node welcomes the page (the link is resumed), and until the patch of the
click is there. The tab reconnects as resume.js does: within 200 ms, at random.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from typing import TYPE_CHECKING

from tests.fleet import Fleet, fleet
from tests.servers import running
from tests.steps import Click, Find
from tests.tab import Tab, open_tab

if TYPE_CHECKING:
    from collections.abc import Sequence

CLICK = Click(Find(key="add"))
JITTER = 0.2


async def kill_once(nodes: Fleet, tab: Tab) -> tuple[float, float]:
    """Kill the holder while the user clicks; returns seconds to the welcome and to the patch."""
    welcomes, packets = len(tab.nodes), len(tab.client.packets)
    holder = nodes.node(tab.node)
    tab.retry_seconds = random.uniform(0, JITTER)
    began = time.perf_counter()
    status = holder.kill()
    if status != -9:
        raise RuntimeError(f"the node ended with {status}, not by SIGKILL")
    for packet in tab.client.step(CLICK):
        tab.send(packet)
    await tab.until(lambda: len(tab.nodes) > welcomes)
    welcomed = time.perf_counter() - began
    await tab.until(lambda: len(tab.client.packets) > packets)
    patched = time.perf_counter() - began
    await tab.settle()
    return welcomed, patched


async def measure(nodes: Fleet, kills: int) -> list[tuple[float, float]]:
    """Kill as often as asked, always with two nodes left."""
    times = []
    async with open_tab(lambda: nodes.urls) as tab:
        for _ in range(kills):
            times.append(await kill_once(nodes, tab))
            await asyncio.to_thread(nodes.add)
        if f"{kills}" not in tab.client.texts():
            raise RuntimeError(f"{kills} clicks, but the page shows {tab.client.texts()}")
        if tab.resumes != kills:
            raise RuntimeError(f"{kills} kills, but {tab.resumes} resumes")
    return times


def show(name: str, values: Sequence[float]) -> None:
    """Print median, 99th percentile and maximum in milliseconds."""
    ordered = sorted(values)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"{name:28} median {statistics.median(ordered) * 1e3:6.0f} ms   p99 {late * 1e3:6.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    kills = parser.parse_args().kills
    with running("valkey") as redis_url, fleet("tests/bench/app.py", redis_url, 3) as nodes:
        times = asyncio.run(measure(nodes, kills))
    print(f"{kills} kills, {kills} clicks made at those moments: none lost, none doubled")
    show("kill to the resumed link", [welcomed for welcomed, _ in times])
    show("kill to the patch", [patched for _, patched in times])


if __name__ == "__main__":
    main()
