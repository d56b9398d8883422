"""Weak references and weak containers (layer 1: imports the standard library and siblings only).

Weak containers are filled after everything else is rebuilt: their members hash by then.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from flet_cluster.snapshot.tokens import LATER

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.snapshot.portables import Reducer


class _Mortal:
    """Something to refer to weakly that is gone at once."""

    def method(self) -> None:
        """Be a bound method's function."""


def dead_reference() -> weakref.ref[Any]:
    """Return a weak reference whose target is gone."""
    return weakref.ref(_Mortal())


def dead_method() -> weakref.WeakMethod[Callable[[], None]]:
    """Return a weak method whose object is gone."""
    return weakref.WeakMethod(_Mortal().method)


def restore_finalizer(obj: Any, func: Any, args: Any, kwargs: Any, atexit: bool) -> Any:
    """Register a finalizer as it was."""
    finalizer = weakref.finalize(obj, func, *args, **kwargs)
    finalizer.atexit = atexit
    return finalizer


def dead_finalizer() -> Any:
    """Return a finalizer that has run."""
    finalizer = weakref.finalize(_Mortal(), int)
    finalizer.detach()
    return finalizer


def _reduce_ref(ref: weakref.ref[Any]) -> Any:
    target = ref()
    if target is None:
        return dead_reference, ()
    callback = ref.__callback__
    return weakref.ref, (target,) if callback is None else (target, callback)


def _reduce_weak_method(ref: weakref.WeakMethod[Any]) -> Any:
    method = ref()
    return (dead_method, ()) if method is None else (weakref.WeakMethod, (method,))


def _reduce_finalizer(finalizer: weakref.finalize[Any, Any]) -> Any:
    found = finalizer.peek()
    return (dead_finalizer, ()) if found is None else (restore_finalizer, (*found, finalizer.atexit))


def _reduce_proxy(proxy: Any) -> Any:
    return weakref.proxy, (proxy.__repr__.__self__,)


def _reduce_weak_set(weak: weakref.WeakSet[Any]) -> Any:
    return weakref.WeakSet, (), list(weak), None, None, LATER


def _reduce_weak_values(weak: weakref.WeakValueDictionary[Any, Any]) -> Any:
    # As items() says it, which takes five times as long: a session's index of controls is in each snapshot.
    alive = {ref.key: obj for ref in weak.valuerefs() if (obj := ref()) is not None}
    return weakref.WeakValueDictionary, (), alive, None, None, LATER


def _reduce_weak_keys(weak: weakref.WeakKeyDictionary[Any, Any]) -> Any:
    return weakref.WeakKeyDictionary, (), list(weak.items()), None, None, LATER


WEAK_TYPES: dict[type, Reducer] = {
    weakref.ref: _reduce_ref,
    weakref.WeakMethod: _reduce_weak_method,
    weakref.finalize: _reduce_finalizer,
    weakref.ProxyType: _reduce_proxy,
    weakref.CallableProxyType: _reduce_proxy,
    weakref.WeakSet: _reduce_weak_set,
    weakref.WeakValueDictionary: _reduce_weak_values,
    weakref.WeakKeyDictionary: _reduce_weak_keys,
}
"""Reducers by exact type."""
