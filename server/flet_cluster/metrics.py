"""Counts and measures with Prometheus' client (layer 4: may import layers 0 to 3 and prometheus_client)."""

from __future__ import annotations

import threading
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

PREFIX = "flet_cluster_"
SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
BYTES = (256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304)


class PrometheusObserver:
    """An :class:`flet_cluster.events.Observer` with a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._metrics: dict[str, Any] = {}
        self._children: dict[tuple[Any, ...], Any] = {}
        self._lock = threading.Lock()

    def count(self, name: str, /, amount: int = 1, **labels: str) -> None:
        """Add to the counter ``flet_cluster_<name>_total``."""
        self._child(Counter, name, labels).inc(amount)

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add to the histogram ``flet_cluster_<name>``."""
        self._child(Histogram, name, labels).observe(value)

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
                child = self._children[key] = metric.labels(**labels) if labels else metric
        return child

    def _make(self, kind: type[Any], name: str, labels: tuple[str, ...]) -> Any:
        more: dict[str, Any] = {}
        if kind is Histogram:
            more["buckets"] = BYTES if name.endswith("_bytes") else SECONDS
        metric = kind(PREFIX + name, name.replace("_", " "), labels, registry=self.registry, **more)
        self._metrics[name] = metric
        return metric
