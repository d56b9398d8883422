"""What an app connects to events of a figure stays connected (layer 1: standard library only).

Matplotlib writes a figure down without the callbacks of ``canvas.mpl_connect``: they may not be fit for it.
What is a session's own is, and after a move the figure would be deaf. Matplotlib's tools connect themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer

_TOOLS = ("matplotlib", "mpl_toolkits", "flet_charts")


def _reduce_registry(registry: Any) -> Any:
    function, arguments, state, *rest = registry.__reduce_ex__(4)
    connected = {
        signal: {
            **state["callbacks"].get(signal, {}),
            **{number: found for number, proxy in callbacks.items() if _is_own(found := proxy())},
        }
        for signal, callbacks in registry.callbacks.items()
    }
    return (function, arguments, {**state, "callbacks": connected}, *rest)


def _is_own(callback: Any) -> bool:
    """Whether a callback is no tool of matplotlib's; None is one whose object is gone."""
    module = getattr(callback, "__module__", None) or type(callback).__module__
    return callback is not None and module.partition(".")[0] not in _TOOLS


TYPES: dict[str, Reducer] = {"matplotlib.cbook.CallbackRegistry": _reduce_registry}
"""Reducers by the name of a type."""
