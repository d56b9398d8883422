"""flet-cluster: host unmodified Flet apps on any number of interchangeable nodes.

The public names are imported when they are first used: importing this package is quick and has no effects.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flet_cluster.fastapi.whole import cluster_app as app
    from flet_cluster.host.upgrades import Upgrade, on_upgrade
    from flet_cluster.running import run

_PUBLIC = {
    "Upgrade": "flet_cluster.host.upgrades:Upgrade",
    "app": "flet_cluster.fastapi.whole:cluster_app",
    "on_upgrade": "flet_cluster.host.upgrades:on_upgrade",
    "run": "flet_cluster.running:run",
}

__all__ = ["Upgrade", "app", "on_upgrade", "run"]


def __getattr__(name: str) -> Any:
    place = _PUBLIC.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
