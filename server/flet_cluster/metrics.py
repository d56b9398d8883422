"""Counts and measures with Prometheus' client (layer 4: may import layers 0 to 3 and prometheus_client).

Each process has figures of its own, and so has each app in it: every series therefore carries the labels
``process`` and ``app``, so that the figures of several can be shown together and never mix.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route

from flet_cluster.exposition import MEDIA_TYPE, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client import Metric
    from starlette.requests import Request

_LOG = logging.getLogger("flet_cluster")

PREFIX = "flet_cluster_"
SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
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
    "hand_overs": "tries of this node to get a session that it did not hold, by outcome",
    "hibernated": "quiet sessions of connected users whose objects left memory",
    "holders_asked": "requests to let a session go, by answer",
    "interrupted": "handlers and mains cut short with their node",
    "kicked": "sessions ended by an operator",
    "lane_exhausted": "sync handlers that had to wait since all threads for them were in use",
    "link_resends": "frames sent again after a reconnect, by direction",
    "loop_blocked": "times the event loop was blocked",
    "not_portable": "sessions found unable to travel",
    "page_threads_exhausted": "calls of page.run_thread that had to wait for a thread",
    "posted": "events from outside put into a session's inbox, by kind",
    "published": "pub/sub messages put into the app's stream",
    "pubsub_gap": "times that a session missed pub/sub messages, by reason; gone: trimmed or lost",
    "rebalanced": "sessions that were let go since other nodes had room",
    "redis_errors": "attempts that Redis did not serve, by operation and kind",
    "refilled": "sessions written back into a store that lost them",
    "refused": "websockets not let in",
    "relays_ended": "relays that ended, by this node's role and why",
    "relays_started": "relays begun, by this node's role: front (has the socket) or holder",
    "released": "sessions this node let go",
    "reloaded": "pages loaded anew into their session",
    "repeats_dropped": "inputs that came a second time",
    "reset": "users told that their session is lost, by reason",
    "restores": "sessions whose objects were to be rebuilt, by outcome",
    "resumed": "pages that came back to their session",
    "s3_errors": "requests that the bucket's server did not serve, by operation and kind",
    "seal_failures": "sealed payloads that did not verify, by what they are",
    "seized": "sessions taken by force, by whether their holder was known dead",
    "sent_home": "sessions given to a node with their version of the app, by answer",
    "sign_ins": "answers of identity providers, by what came of them",
    "signed_in": "sign-ins that came to an end in their session, by outcome",
    "tasks_lost": "bare tasks, threads, jobs and timers of sessions that ended with their node",
    "turned_away": "sessions sent to look for another node, since this one has its share",
    "upgraded": "sessions that went on under changed code, by how: resumed or restarted",
    "worker_ends": "worker processes that ended without being asked to, by how",
}
HISTOGRAMS = {
    "acquire_seconds": "time to get a session from wherever it is",
    "capture_seconds": "time to take a snapshot, on the event loop",
    "commit_seconds": "time until the store has a snapshot: so long its output waits",
    "event_seconds": "time from the arrival of a user's event until its output is released",
    "loop_lag_seconds": "how late the event loop turns, looked at four times a second",
    "restore_seconds": "time to rebuild a session, on the event loop",
    "snapshot_bytes": "size of sealed snapshots",
}
GAUGES = {
    "build_info": "versions of flet-cluster, Flet and Python",
    "draining": "1 while the node hands its sessions over to leave",
    "heartbeat_age_seconds": "time since the node's last sign of life reached the store",
    "lane_threads": "threads that sync handlers may take at most",
    "lane_threads_busy": "threads that a sync handler has now",
    "lane_waiting": "sync handlers that no thread has taken yet",
    "node_info": "the node's id and its version of the app",
    "page_threads_busy": "threads that page.run_thread has now",
    "page_threads_waiting": "calls of page.run_thread that no thread has taken yet",
    "relays_fronted": "sockets here whose sessions are on other nodes now",
    "relays_held": "sessions here whose sockets are at other nodes now",
    "restores_waiting": "sessions whose objects are to be rebuilt and have to wait for that",
    "sessions": "sessions that the node holds, by where their users are and where their objects",
    "sockets": "websockets that are open here",
    "workers": "worker processes that serve",
    "workers_wanted": "worker processes that should serve",
}
"""All there is, with what it means."""

LABELS: Mapping[str, tuple[str, ...]] = {
    "closed": ("reason",),
    "cloudwatch_errors": ("reason",),
    "exchanges": ("how",),
    "hand_overs": ("outcome",),
    "holders_asked": ("answer",),
    "interrupted": ("what",),
    "link_resends": ("direction",),
    "posted": ("kind",),
    "pubsub_gap": ("reason",),
    "redis_errors": ("operation", "kind"),
    "refused": ("reason",),
    "relays_ended": ("role", "reason"),
    "relays_started": ("role",),
    "reset": ("reason",),
    "restores": ("outcome",),
    "s3_errors": ("operation", "kind"),
    "seal_failures": ("what",),
    "seized": ("dead",),
    "sent_home": ("answer",),
    "sign_ins": ("outcome",),
    "signed_in": ("outcome",),
    "upgraded": ("how",),
    "worker_ends": ("how",),
}
"""What counters are told apart by. Those without labels are there, as 0, before anything was counted."""


class PrometheusObserver:
    """An :class:`flet_cluster.events.Observer` with a registry of its own.

    Args:
        app: name of the app that it observes; "" for what is not an app's.
        process: what this process is called in the label of that name; None for its id.
        started: names of counters that are there from the start; None for all without labels.
    """

    def __init__(
        self, app: str = "", process: str | None = None, started: Iterable[str] | None = None
    ) -> None:
        self.registry = CollectorRegistry()
        self._common = {"process": process or str(os.getpid()), "app": app}
        self._metrics: dict[str, Any] = {}
        self._children: dict[tuple[Any, ...], Any] = {}
        self._plain: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._levels = _Levels(self._common)
        self.registry.register(self._levels)
        for name in sorted(COUNTERS.keys() - LABELS.keys()) if started is None else started:
            self.count(name, 0)

    def count(self, name: str, /, amount: int = 1, **labels: str) -> None:
        """Add to the counter ``flet_cluster_<name>_total``."""
        child = self._child(Counter, name, labels) if labels else self._plain.get(name)
        (child or self._first(Counter, name)).inc(amount)

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add to the histogram ``flet_cluster_<name>``."""
        child = self._child(Histogram, name, labels) if labels else self._plain.get(name)
        (child or self._first(Histogram, name)).observe(value)

    def gauge(self, name: str, read: Callable[[], float], /) -> None:
        """Show what ``read`` returns at the moment of a scrape as the gauge ``flet_cluster_<name>``."""
        self._levels.add(name, (), lambda: {(): read()})

    def levels(
        self, name: str, labels: tuple[str, ...], read: Callable[[], Mapping[tuple[str, ...], float]], /
    ) -> None:
        """Show what ``read`` returns as series of the gauge ``flet_cluster_<name>``."""
        self._levels.add(name, labels, read)

    def text(self) -> str:
        """Return all metrics in Prometheus' text format."""
        return _text(self.registry)

    def _first(self, kind: type[Any], name: str) -> Any:
        """Return a metric without labels of its own when it is first used: from then on it is at hand."""
        child = self._plain[name] = self._child(kind, name, {})
        return child

    def _child(self, kind: type[Any], name: str, labels: dict[str, str]) -> Any:
        """Return the metric with these labels, made when first used."""
        key = (name, *sorted(labels.items()))
        child = self._children.get(key)
        if child is None:
            with self._lock:
                metric = self._metrics.get(name) or self._make(kind, name, tuple(labels))
                child = self._children[key] = metric.labels(**self._common, **labels)
        return child

    def _make(self, kind: type[Any], name: str, labels: tuple[str, ...]) -> Any:
        more: dict[str, Any] = {}
        if kind is Histogram:
            more["buckets"] = BYTES if name.endswith("_bytes") else SECONDS
        metric = kind(PREFIX + name, _meaning(name), (*self._common, *labels), registry=self.registry, **more)
        self._metrics[name] = metric
        return metric


class _Levels(Collector):
    """All gauges of an observer, read when somebody looks."""

    def __init__(self, common: Mapping[str, str]) -> None:
        self._common = common
        self._read: dict[str, tuple[tuple[str, ...], Callable[[], Mapping[tuple[str, ...], float]]]] = {}

    def add(
        self, name: str, labels: tuple[str, ...], read: Callable[[], Mapping[tuple[str, ...], float]]
    ) -> None:
        """Read a gauge from now on; its labels' values come with each look."""
        self._read[name] = (labels, read)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read them; one that cannot be read leaves the others alone."""
        for name, (labels, read) in list(self._read.items()):
            family = GaugeMetricFamily(PREFIX + name, _meaning(name), labels=(*self._common, *labels))
            try:
                for values, level in read().items():
                    family.add_metric((*self._common.values(), *values), level)
            except Exception:  # noqa: BLE001  whatever it is, the others are of use
                _LOG.exception("the metric %s cannot be read", name)
            yield family


class _Process(Collector):
    """Memory, processor time and files of this process, with the label that tells processes apart."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._collector = ProcessCollector(registry=None)

    def collect(self) -> Iterator[Metric]:
        """Look at the process."""
        for family in self._collector.collect():
            family.samples = [sample._replace(labels={"process": self._process}) for sample in family.samples]
            yield family


def process_text(process: str | None = None) -> str:
    """Return what the system knows of this process, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Process(process or str(os.getpid())))
    return _text(registry)


def _meaning(name: str) -> str:
    return {**COUNTERS, **HISTOGRAMS, **GAUGES}.get(name) or name.replace("_", " ")


def _text(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


def metrics_route(observer: PrometheusObserver) -> Route:
    """Make the route that Prometheus scrapes on an app's port."""

    async def endpoint(_request: Request) -> Response:
        text = merged([process_text(), observer.text()])
        return Response(text, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    return Route("/metrics", endpoint)
