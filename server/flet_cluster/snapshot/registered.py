"""Types that apps and their libraries have registered for this process (layer 1: standard library, siblings).

An app registers while it is loaded, before or after its node has made a registry; so each registry takes what
there is, and is told of what comes later.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.snapshot.portables import Portables, Reducer

T = TypeVar("T")

_lock = threading.Lock()
_entries: dict[type, tuple[Reducer, bool]] = {}
_registries: weakref.WeakSet[Portables] = weakref.WeakSet()
_BUILTIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    list,
    tuple,
    dict,
    set,
    frozenset,
    type,
    object,
)
"""Pickle writes these by itself and asks nobody; classes and functions travel by reference."""


def register_portable(
    cls: type[T], reduce: Callable[[T], tuple[Any, ...]], *, subclasses: bool = False
) -> None:
    """Say how instances of a type travel that cannot be pickled as they are.

    Args:
        cls: the type, of the app or of a library.
        reduce: takes an instance and returns ``(function, arguments)``: the next node calls
            ``function(*arguments)`` for the new one. A third item, a dict, is its ``__dict__``; all that
            :meth:`object.__reduce__` may return is allowed. It runs with each snapshot, so it has to be
            quick, and must change nothing. It may raise: the session cannot travel then, and the log says so.
        subclasses: use it for instances of subclasses as well. What is registered for a type itself comes
            first.

    Register when the app is loaded, on all nodes. A later call for the same type replaces an earlier one.

    Raises:
        TypeError: ``cls`` is no type or one that travels anyway, or ``reduce`` is not callable.
    """
    if not isinstance(cls, type):
        raise TypeError(f"flet_cluster.register_portable(cls, reduce): {cls!r} is not a type")
    if cls in _BUILTIN or issubclass(cls, type):
        raise TypeError(
            f"flet_cluster.register_portable: {cls.__qualname__} travels anyway; that cannot be changed"
        )
    if not callable(reduce):
        raise TypeError(
            f"flet_cluster.register_portable: reduce must be a function of an instance, not {reduce!r}"
        )
    entry = (_checked(cls, reduce), subclasses)
    with _lock:
        _entries[cls] = entry
        for portables in list(_registries):
            _put(portables, cls, entry)


def attach(portables: Portables) -> None:
    """Give a registry what was registered, and what will be."""
    with _lock:
        _registries.add(portables)
        for cls, entry in _entries.items():
            _put(portables, cls, entry)


def _put(portables: Portables, cls: type, entry: tuple[Reducer, bool]) -> None:
    reduce, subclasses = entry
    portables.unregister(cls)
    portables.register(cls, reduce, subclasses=subclasses)


def _checked(cls: type, reduce: Callable[[Any], Any]) -> Reducer:
    """Wrap an app's reducer: what it does wrong becomes an obstacle that names the type."""
    name = cls.__qualname__

    def checked(obj: Any) -> Any:
        """Reduce an instance."""
        try:
            reduced = reduce(obj)
        except NotPortable:
            raise
        except Exception as error:
            raise NotPortable("", f"the function registered for {name} failed: {error!r}") from error
        if _is_reduction(reduced):
            return reduced
        raise NotPortable(
            "", f"the function registered for {name} must return (function, arguments), not {reduced!r}"[:300]
        )

    return checked


def _is_reduction(reduced: Any) -> bool:
    """Whether it has the form of what ``object.__reduce__`` returns."""
    if not isinstance(reduced, tuple) or len(reduced) not in _PARTS:
        return False
    return callable(reduced[0]) and isinstance(reduced[1], tuple)


_PARTS = range(2, 7)
