"""A node's figures for operators, said with each heartbeat (layer 3).

They cover the last ten seconds or so. An event costs one appended number: rates and medians are worked out
where the heartbeat is, in a thread of its own.
"""

from __future__ import annotations

import logging
import os
import resource
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flet_cluster.errors import StoreError
from flet_cluster.node.place import HERE

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.model import NodeInfo
    from flet_cluster.node.node import Node
    from flet_cluster.stores.base import SessionStore

logger = logging.getLogger("flet_cluster.node")

SAMPLE_SECONDS: Final = 10.0
"""How often a node's figures go into the history."""
WINDOW_SECONDS: Final = 10.0
"""What rates are worked out over."""
MOST_MEASURED: Final = 1000
"""Latencies that are kept: of so many events the median is taken."""
_STATM = Path("/proc/self/statm")


class History:
    """Puts what a node says with its heartbeats into the store's history, now and then."""

    def __init__(self) -> None:
        self._due = 0.0

    async def take(self, store: SessionStore, info: NodeInfo, now: float) -> None:
        """Keep it if it is time; that it cannot be kept says nothing of who lives.

        ``now``: by any clock that goes on evenly, always the same.
        """
        if now < self._due:
            return
        self._due = now + SAMPLE_SECONDS
        try:
            await store.sample(info)
        except StoreError as error:
            logger.info("this node's figures are not in the history: %s", error)


class Tally:
    """What figures are made of.

    Attributes:
        events: how many there were.
        latencies: how long the latest took, seconds.
        lag: the longest that the loop was blocked since somebody looked, seconds.
    """

    def __init__(self) -> None:
        self.events = 0
        self.latencies: deque[float] = deque(maxlen=MOST_MEASURED)
        self.lag = 0.0

    def event(self, seconds: float) -> None:
        """Note an event, and how long its output took."""
        self.events += 1
        self.latencies.append(seconds)

    def lagged(self, seconds: float) -> None:
        """Note that the loop was late."""
        self.lag = max(self.lag, seconds)


class Figures:
    """Works out what a node says of itself.

    Args:
        node: whose.
        clock: seconds, never going back.

    Attributes:
        tally: is told what happens.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self.tally = Tally()
        self._clock = clock
        self._lock = threading.Lock()
        self._facts = HERE.facts()
        self._points: deque[tuple[float, int, float]] = deque([(clock(), 0, time.process_time())])
        self._lags: deque[tuple[float, float]] = deque()

    def extra(self) -> dict[str, Any]:
        """Return what :attr:`flet_cluster.model.NodeInfo.extra` holds; may be called from any thread."""
        with self._lock:
            return {**self._facts, "address": HERE.address, "figures": self._figures()}

    def _figures(self) -> dict[str, float]:
        now, seats = self._clock(), list(self._node.seats.values())
        events, cpu = self._rates(now)
        middle, high = _quantiles(list(self.tally.latencies)) if events else (0.0, 0.0)
        return {
            "sessions": len(seats),
            "connected": self._node.connected,
            "awake": sum(seat.live is not None for seat in seats),
            "events": round(events, 2),
            "latency": round(middle, 5),
            "latency_high": round(high, 5),
            "cpu": round(cpu, 3),
            "memory": resident_bytes(),
            "lag": round(self._worst_lag(now), 3),
        }

    def _rates(self, now: float) -> tuple[float, float]:
        """Return events a second, and processors used."""
        self._points.append((now, self.tally.events, time.process_time()))
        while len(self._points) > 2 and now - self._points[1][0] >= WINDOW_SECONDS:  # noqa: PLR2004  first, last
            self._points.popleft()
        began, events, cpu = self._points[0]
        if now - began <= 0:
            return 0.0, 0.0
        _, events_now, cpu_now = self._points[-1]
        return (events_now - events) / (now - began), (cpu_now - cpu) / (now - began)

    def _worst_lag(self, now: float) -> float:
        self.tally.lag, lag = 0.0, self.tally.lag
        self._lags.append((now, lag))
        while now - self._lags[0][0] > WINDOW_SECONDS:
            self._lags.popleft()
        return max(lag for _, lag in self._lags)


def resident_bytes() -> int:
    """Return the memory of this process; where there is no ``/proc``, the most it ever had."""
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE")


def _quantiles(values: list[float]) -> tuple[float, float]:
    """Return the median and what one in twenty exceeds."""
    if not values:
        return 0.0, 0.0
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
