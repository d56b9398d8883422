"""Where the dashboard's sessions find the cluster (layer 4: imports no Flet).

A session of the dashboard travels, and what it looks at does not: each process has the nodes that it runs. So
nothing of this is kept in a session; it asks anew each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flet_cluster.errors import StoreUnavailable
from flet_cluster.inspection import Inspector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flet_cluster.node.node import Node


def _nobody() -> Mapping[str, Node]:
    return {}


_nodes: Callable[[], Mapping[str, Node]] = _nobody


def provide(nodes: Callable[[], Mapping[str, Node]]) -> None:
    """Say how the nodes of this process are found.

    Args:
        nodes: returns those that run, by the names of their apps.
    """
    global _nodes  # noqa: PLW0603  one for the process, as its nodes are
    _nodes = nodes


def apps() -> list[str]:
    """Return the names of the apps that this process serves, in their order."""
    return list(_nodes())


def inspector(app: str) -> Inspector:
    """Return what reads the cluster of an app.

    Args:
        app: its name; "" for the first one.

    Raises:
        StoreUnavailable: this process does not serve it just now: it starts or ends. Another app's cluster
            must not pass for it.
    """
    nodes = _nodes()
    node = nodes.get(app) if app else next(iter(nodes.values()), None)
    if node is None:
        raise StoreUnavailable(f"this process has no node of {app or 'any app'} just now")
    return Inspector(node.store, node.control)
