"""How a process and its apps are, for who watches them (layer 5: knows nothing of ports).

Everything here answers from any thread, at once, and also while the event loop is stuck.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from flet_cluster.events import Observer


class Sight(Protocol):
    """What is asked of a process, or of all workers of a machine."""

    def alive(self) -> str | Awaitable[str]:
        """Say why it should be started anew, "" if it need not."""

    def ready(self) -> str | Awaitable[str]:
        """Say why it should get no new visitors, "" if it may."""

    def metrics(self) -> str | Awaitable[str]:
        """Return its metrics, in Prometheus' text format."""


class Watched(Protocol):
    """An app, as far as it is looked at here; see :class:`flet_cluster.hosting.ClusterApp`."""

    observer: Observer

    def not_alive(self) -> str:
        """Say why its node does not work any more, "" if it does."""

    def not_ready(self) -> str:
        """Say why its node may not get new visitors, "" if it may."""


class ProcessSight:
    """A :class:`Sight` of this process.

    Args:
        apps: returns the apps that it hosts.
    """

    def __init__(self, apps: Callable[[], Iterable[Watched]]) -> None:
        self._apps = apps

    def alive(self) -> str:
        """Whether all nodes work."""
        return next(filter(None, (app.not_alive() for app in self._apps())), "")

    def ready(self) -> str:
        """Whether all nodes take visitors."""
        return next(filter(None, (app.not_ready() for app in self._apps())), "")

    def metrics(self) -> str:
        """All that was counted here."""
        # A process that was asked for none before has not loaded this yet.
        from flet_cluster.exposition import merged  # noqa: PLC0415
        from flet_cluster.metrics import PrometheusObserver, process_text  # noqa: PLC0415

        observers = [app.observer for app in self._apps()]
        texts = (observer.text() for observer in observers if isinstance(observer, PrometheusObserver))
        return merged([process_text(), *texts])


def sight_of(app: Any) -> Sight:
    """Return the sight that an ASGI application has in its ``state``; else one of a process without apps."""
    sight: Sight | None = getattr(getattr(app, "state", None), "sight", None)
    return sight or ProcessSight(list)
