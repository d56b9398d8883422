"""Counts and measures with Prometheus' client (layer 4: may import layers 0 to 3 and prometheus_client).

Each process has figures of its own, and several may share a port: every series therefore carries the label
``process``, so that what one scrape gets from one worker and the next from another never mixes.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

PREFIX = "flet_cluster_"
SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
BYTES = (256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304)

COUNTERS = {
    "acquired": "sessions that came to this node",
    "capture_retried": "snapshots put off, since a thread changed the session meanwhile",
    "closed": "sockets that ended, by reason; by-client: not by this node",
    "cloudwatch_errors": "times that CloudWatch did not get the number of sessions, by reason",
    "commit_retries": "attempts to commit that failed and were repeated",
    "events_without_control": "events for controls that the state does not have",
    "exchanges": "codes and tokens given to identity providers, by how that went",
    "expired": "sessions ended by their deadline",
    "expired_unclosed": "sessions that ended by their deadline and could not be rebuilt for on_close",
    "fenced": "writes refused because another node has the session, or it is deleted",
    "hibernated": "quiet sessions of connected users whose objects left memory",
    "holders_asked": "requests to let a session go, by answer",
    "interrupted": "handlers and mains cut short with their node",
    "lane_exhausted": "sync handlers that had to wait since all threads for them were in use",
    "loop_blocked": "times the event loop was blocked",
    "not_portable": "sessions found unable to travel",
    "page_threads_exhausted": "calls of page.run_thread that had to wait for a thread",
    "posted": "events from outside put into a session's inbox, by kind",
    "published": "pub/sub messages put into the app's stream",
    "pubsub_gap": "times that a session missed pub/sub messages, by reason; gone: trimmed or lost",
    "rebalanced": "sessions that were let go since other nodes had room",
    "refilled": "sessions written back into a store that lost them",
    "refused": "websockets not let in",
    "released": "sessions this node let go",
    "reloaded": "pages loaded anew into their session",
    "relays_ended": "relays that ended, by this node's role and why",
    "relays_started": "relays begun, by this node's role: front (has the socket) or holder",
    "repeats_dropped": "inputs that came a second time",
    "reset": "users told that their session is lost, by reason",
    "resumed": "pages that came back to their session",
    "seal_failures": "sealed payloads that did not verify, by what they are",
    "seized": "sessions taken by force, by whether their holder was known dead",
    "sent_home": "sessions given to a node with their version of the app, by answer",
    "signed_in": "sign-ins that came to an end in their session, by outcome",
    "sign_ins": "answers of identity providers, by what came of them",
    "tasks_lost": "bare tasks and threads of sessions that ended with their node",
    "turned_away": "sessions sent to look for another node, since this one has its share",
    "upgraded": "sessions that went on under changed code, by how: resumed or restarted",
}
HISTOGRAMS = {
    "acquire_seconds": "time to get a session from wherever it is",
    "capture_seconds": "time to take a snapshot, on the event loop",
    "commit_seconds": "time until the store has a snapshot: so long its output waits",
    "loop_lag_seconds": "how long the event loop was blocked",
    "restore_seconds": "time to rebuild a session, on the event loop",
    "snapshot_bytes": "size of sealed snapshots",
}
GAUGES = {
    "lane_threads": "threads that sync handlers may take at most",
    "lane_threads_busy": "threads that a sync handler has now",
    "lane_waiting": "sync handlers that no thread has taken yet",
    "relays_fronted": "sockets here whose sessions are on other nodes now",
    "relays_held": "sessions here whose sockets are at other nodes now",
    "restores_waiting": "sessions whose objects are to be rebuilt and have to wait for that",
    "sessions": "sessions that the node holds",
    "sessions_awake": "those of them whose objects are in memory",
}
"""All there is, with what it means."""


class PrometheusObserver:
    """An :class:`flet_cluster.events.Observer` with a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._process = str(os.getpid())
        self._metrics: dict[str, Any] = {}
        self._children: dict[tuple[Any, ...], Any] = {}
        self._lock = threading.Lock()

    def count(self, name: str, /, amount: int = 1, **labels: str) -> None:
        """Add to the counter ``flet_cluster_<name>_total``."""
        self._child(Counter, name, labels).inc(amount)

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add to the histogram ``flet_cluster_<name>``."""
        self._child(Histogram, name, labels).observe(value)

    def gauge(self, name: str, read: Callable[[], float], /) -> None:
        """Show what ``read`` returns at the moment of a scrape as the gauge ``flet_cluster_<name>``."""
        self._child(Gauge, name, {}).set_function(read)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _child(self, kind: type[Any], name: str, labels: dict[str, str]) -> Any:
        """Return the metric with these labels, made when first used."""
        key = (name, *sorted(labels.items()))
        child = self._children.get(key)
        if child is None:
            with self._lock:
                metric = self._metrics.get(name) or self._make(kind, name, tuple(labels))
                child = self._children[key] = metric.labels(process=self._process, **labels)
        return child

    def _make(self, kind: type[Any], name: str, labels: tuple[str, ...]) -> Any:
        more: dict[str, Any] = {}
        if kind is Histogram:
            more["buckets"] = BYTES if name.endswith("_bytes") else SECONDS
        meaning = {**COUNTERS, **HISTOGRAMS, **GAUGES}.get(name) or name.replace("_", " ")
        metric = kind(PREFIX + name, meaning, ("process", *labels), registry=self.registry, **more)
        self._metrics[name] = metric
        return metric


def metrics_route(observer: PrometheusObserver) -> Route:
    """Make the route that Prometheus scrapes."""

    async def endpoint(_request: Request) -> Response:
        return Response(
            observer.text(), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
        )

    return Route("/metrics", endpoint)
