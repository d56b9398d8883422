"""What an app keeps outside of its sessions: in its modules, directly or in what these hold (layer 1).

What sessions share they share by such a place: a module's dict of rooms, a list of all pages. The search goes
through built-in containers, objects of the app's own classes, and what callbacks are bound to; objects of
libraries and of sessions are found, and not entered.
"""

from __future__ import annotations

import functools
import gc
import weakref
from collections import deque
from dataclasses import dataclass
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flet_cluster.snapshot.names import Names

MOST: Final = 20_000
"""Objects that are looked at, the nearest first: a module's big table must not hold up everybody (I9)."""

_ATOMS = (str, bytes, int, float, complex, bool, type(None), type, ModuleType, BuiltinFunctionType)
_CONTAINERS = (dict, list, set, tuple, frozenset, deque)
_CALLABLES = (FunctionType, MethodType, functools.partial, CellType)
_WEAK = (weakref.WeakSet, weakref.WeakValueDictionary, weakref.WeakKeyDictionary)


@dataclass(frozen=True, slots=True)
class Held:
    """Identities of what the app's modules hold.

    Attributes:
        plain: what has no name: it travels by value with a session that refers to it, and becomes two.
        owned: what belongs to some session.
    """

    plain: frozenset[int]
    owned: frozenset[int]


class Search:
    """Looks for what modules hold.

    Args:
        names: of the app's objects: where the search begins.
        owned: types whose instances belong to a session.
        modules: names of the app's modules.
    """

    def __init__(self, names: Names, owned: tuple[type, ...], modules: Any) -> None:
        self._names = names
        self._owned = owned
        self._modules = modules

    def run(self) -> Held:
        """Return what is held at this moment; other threads may change it meanwhile."""
        plain: set[int] = set()
        owned: set[int] = set()
        roots = list(self._roots())
        named = set(map(id, roots))  # travels as its name anyway
        waiting = deque(roots)
        seen: dict[int, object] = {}  # holds them, so that no identity is used again meanwhile
        while waiting and len(seen) < MOST:
            obj = waiting.popleft()
            kind = type(obj)  # isinstance would ask the object, which may be a proxy of something
            if issubclass(kind, _ATOMS) or id(obj) in seen:
                continue
            seen[id(obj)] = obj
            if issubclass(kind, self._owned):
                owned.add(id(obj))
                continue
            if id(obj) not in named and not issubclass(kind, (tuple, frozenset, *_CALLABLES)):
                plain.add(id(obj))
            waiting.extend(self._within(obj))
        return Held(frozenset(plain), frozenset(owned))

    def _roots(self) -> Iterator[object]:
        self._names.refresh()
        for _, namespace, keys in self._names.lasting():
            yield from [namespace[key] for key in keys if key in namespace]
        for _, obj in self._names.fleeting():
            yield obj

    def _within(self, obj: Any) -> Iterable[object]:
        """Return what an object refers to, if that is looked at."""
        kind = type(obj)
        if kind is FunctionType:
            return [*(obj.__closure__ or ()), *(obj.__defaults__ or ()), *(obj.__kwdefaults__ or {}).values()]
        if issubclass(kind, _WEAK):
            return _weakly_held(obj)
        if issubclass(kind, (*_CONTAINERS, *_CALLABLES)) or kind.__module__ in self._modules:
            return gc.get_referents(obj)  # in one step: no code of the app runs, no thread interrupts it
        return ()


def _weakly_held(container: Any) -> list[object]:
    """Return what a weak container holds while others do, values as well as keys."""
    try:
        if isinstance(container, weakref.WeakSet):
            return list(container)
        return [part for item in list(container.items()) for part in item]
    except RuntimeError:  # another thread adds to it
        return []
