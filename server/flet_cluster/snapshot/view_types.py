"""Views of dicts, such as ``prices.keys()``, travel with their dict (layer 1: standard library only)."""

from __future__ import annotations

import gc
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer

_VIEWS = ("keys", "values", "items")


def view(kind: type, name: str, mapping: Any) -> Any:
    """Return a dict's view by its name, whatever a class derived from it makes of that name."""
    return getattr(kind, name)(mapping)


def _reducer(kind: type, name: str) -> Reducer:
    def reduce(found: Any) -> Any:
        # ``mapping`` of a view is a proxy, which does not say what it stands for; the garbage collector does.
        (mapping,) = gc.get_referents(found)
        return view, (kind, name, mapping)

    return reduce


VIEW_TYPES: dict[type, Reducer] = {
    type(getattr(kind(), name)()): _reducer(kind, name) for kind in (dict, OrderedDict) for name in _VIEWS
}
"""Reducers by exact type."""
