"""Tells Amazon CloudWatch how many sessions this process has, to scale by (layer 4: imports botocore late).

One datapoint a process and a minute: the average over processes is then what autoscaling compares with its
target, also while one of them cannot be heard. All of it happens in a thread of its own, with botocore loaded
there (16 MB, a third of a second once); nothing that goes wrong reaches the node.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.events import Observer

_LOG = logging.getLogger("flet_cluster")

METRIC: Final = "Sessions"
DIMENSION: Final = "App"
PERIOD: Final = 60
"""Seconds between datapoints: what CloudWatch aggregates by, so that each minute has one of each process."""
_MARGIN: Final = 5
"""Seconds at both ends of a minute in which none is sent: with a slow network it still belongs there."""
_SECONDS: Final = 10
"""How long CloudWatch may take to connect, and to answer."""


class SessionsMetric:
    """Publishes until it is stopped. A :class:`flet_cluster.hosting.Companion`.

    Args:
        namespace: CloudWatch's namespace of the metric ``Sessions``.
        app_name: value of its only dimension, ``App``.
        read: returns how many sessions there are now; called from another thread.
        observer: counts ``cloudwatch_errors``, with CloudWatch's code or the error's name as ``reason``.
        clock: seconds since 1970.
        phase: the second of each minute to publish at; None for one by chance, so that nodes that start
            together do not call together.
    """

    def __init__(  # noqa: PLR0913  two of them for tests
        self,
        namespace: str,
        app_name: str,
        read: Callable[[], int],
        observer: Observer,
        *,
        clock: Callable[[], float] = time.time,
        phase: float | None = None,
    ) -> None:
        self._namespace = namespace
        self._app_name = app_name
        self._read = read
        self._observer = observer
        self._clock = clock
        self._phase = random.uniform(_MARGIN, PERIOD - _MARGIN) if phase is None else phase  # noqa: S311  no secret
        self._client: Any = None
        self._trouble = ""
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin; does not block."""
        self._stopped = threading.Event()
        name = "flet-cluster-cloudwatch"
        threading.Thread(target=self._run, args=(self._stopped,), name=name, daemon=True).start()

    def stop(self) -> None:
        """End; does not block. A call that is under way may still arrive."""
        self._stopped.set()

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.wait(seconds_until_due(self._clock(), self._phase)):
            self.publish()

    def publish(self) -> None:
        """Send one datapoint, for the minute that it is. Blocks, and raises nothing."""
        try:
            client = self._client = self._client or _connect()
            client.put_metric_data(Namespace=self._namespace, MetricData=[self._datapoint()])
        except Exception as error:  # noqa: BLE001  autoscaling is blind then, and the app goes on
            self._failed(error)
        else:
            if self._trouble:
                _LOG.info("CloudWatch gets the number of sessions again")
            self._trouble = ""

    def _datapoint(self) -> dict[str, Any]:
        minute = self._clock() // PERIOD * PERIOD
        return {
            "MetricName": METRIC,
            "Dimensions": [{"Name": DIMENSION, "Value": self._app_name}],
            "Timestamp": datetime.fromtimestamp(minute, UTC),
            "Value": float(self._read()),
            "Unit": "Count",
        }

    def _failed(self, error: Exception) -> None:
        """Count it; say it once, until it changes."""
        response = getattr(error, "response", None) or {}
        reason = str(response.get("Error", {}).get("Code") or type(error).__name__)
        self._observer.count("cloudwatch_errors", reason=reason)
        if reason != self._trouble:
            _LOG.warning(
                "CloudWatch does not get the number of sessions, so nothing is scaled by it: %s. It needs "
                "a region (AWS_DEFAULT_REGION), credentials, cloudwatch:PutMetricData for the namespace %r "
                "(FLET_CLUSTER_CLOUDWATCH_NAMESPACE) and a way there; tried again every minute.",
                error,
                self._namespace,
            )
        self._trouble = reason


def seconds_until_due(now: float, phase: float) -> float:
    """Return how long it is to the next moment that is ``phase`` seconds into a minute; never 0."""
    return PERIOD - (now - phase) % PERIOD


def _connect() -> Any:
    """Make a client. botocore finds region and credentials, in containers those of the task's role."""
    from botocore.config import Config  # noqa: PLC0415  optional, and large
    from botocore.session import get_session  # noqa: PLC0415

    config = Config(
        connect_timeout=_SECONDS,
        read_timeout=_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=1,
        user_agent_extra="flet-cluster",
    )
    return get_session().create_client("cloudwatch", config=config)
