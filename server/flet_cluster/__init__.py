"""flet-cluster: host unmodified Flet apps on any number of interchangeable nodes.

The public names are imported when they are first used: importing this package is quick and has no effects.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flet_cluster.composition import app
    from flet_cluster.running import run

_PUBLIC = {"app": "flet_cluster.composition", "run": "flet_cluster.running"}

__all__ = ["app", "run"]


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)
