"""flet-cluster: host unmodified Flet apps on any number of interchangeable nodes.

The public names are imported when they are first used: importing this package is quick and has no effects.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flet_cluster.blobs.base import Blob
    from flet_cluster.fastapi.whole import cluster_app as app
    from flet_cluster.host.current import Event, current_event
    from flet_cluster.host.hooks import Interrupted, on_interrupted, on_restore
    from flet_cluster.host.missed import MissedMessages, on_missed_messages
    from flet_cluster.host.resources import Resource, resource
    from flet_cluster.host.upgrades import Upgrade, on_upgrade
    from flet_cluster.host.uploads import Uploads, uploads
    from flet_cluster.running import run
    from flet_cluster.snapshot.registered import register_portable

_PUBLIC = {
    "Blob": "flet_cluster.blobs.base:Blob",
    "Event": "flet_cluster.host.current:Event",
    "Interrupted": "flet_cluster.host.hooks:Interrupted",
    "MissedMessages": "flet_cluster.host.missed:MissedMessages",
    "Resource": "flet_cluster.host.resources:Resource",
    "Upgrade": "flet_cluster.host.upgrades:Upgrade",
    "Uploads": "flet_cluster.host.uploads:Uploads",
    "app": "flet_cluster.fastapi.whole:cluster_app",
    "current_event": "flet_cluster.host.current:current_event",
    "on_interrupted": "flet_cluster.host.hooks:on_interrupted",
    "on_missed_messages": "flet_cluster.host.missed:on_missed_messages",
    "on_restore": "flet_cluster.host.hooks:on_restore",
    "on_upgrade": "flet_cluster.host.upgrades:on_upgrade",
    "register_portable": "flet_cluster.snapshot.registered:register_portable",
    "resource": "flet_cluster.host.resources:resource",
    "run": "flet_cluster.running:run",
    "uploads": "flet_cluster.host.uploads:uploads",
}

__all__ = [
    "Blob",
    "Event",
    "Interrupted",
    "MissedMessages",
    "Resource",
    "Upgrade",
    "Uploads",
    "app",
    "current_event",
    "on_interrupted",
    "on_missed_messages",
    "on_restore",
    "on_upgrade",
    "register_portable",
    "resource",
    "run",
    "uploads",
]


def __getattr__(name: str) -> Any:
    place = _PUBLIC.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
