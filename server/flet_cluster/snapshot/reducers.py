"""Chooses how objects of a type travel, once for each type (layer 1: standard library and siblings only)."""

from __future__ import annotations

import copyreg
import enum
import sys
import types
from typing import TYPE_CHECKING, Any

from flet_cluster.snapshot import libraries
from flet_cluster.snapshot.classes import ClassReducer
from flet_cluster.snapshot.functions import FunctionReducer, reduce_cell, reduce_method
from flet_cluster.snapshot.names import Names
from flet_cluster.snapshot.portables import Portables, Reducer
from flet_cluster.snapshot.stdlib_types import STDLIB_EXACT, STDLIB_FAMILIES
from flet_cluster.snapshot.tokens import NAMED

if TYPE_CHECKING:
    from flet_cluster.snapshot.code_index import CodeIndex

_new_object: Any = copyreg.__newobj__  # type: ignore[attr-defined]  # pickle knows it by its name
_WORD = 8
_ENUM_REDUCE = enum.Enum.__reduce_ex__


class ReducerTable(dict[type, Reducer]):
    """Reducer by exact type, filled as types are met. One for each pair of code index and registry."""

    def __init__(self, code: CodeIndex, portables: Portables) -> None:
        super().__init__()
        self._code = code
        self.names = Names(code, portables.unnamed)
        self._portables = portables
        self._class = ClassReducer(code, portables)
        self._builtin: dict[type, Reducer] = {
            types.FunctionType: FunctionReducer(code, self.names.functions),
            types.MethodType: reduce_method,
            types.CellType: reduce_cell,
            types.ModuleType: lambda module: (NAMED, (code.canonical(module.__name__),)),
            **STDLIB_EXACT,
        }
        self.nameable = NameableTable(portables)

    def __missing__(self, cls: type) -> Reducer:
        reduce = self[cls] = self._choose(cls)
        return reduce

    def _choose(self, cls: type) -> Reducer:
        found = self._portables.reducer_for(cls) or self._builtin.get(cls)
        if found is not None:
            return found
        if issubclass(cls, type):
            return self._class
        families = (reduce for base, reduce in STDLIB_FAMILIES if issubclass(cls, base))
        found = libraries.reducer_for(cls) or next(families, None)
        if found is not None:
            return found
        if issubclass(cls, enum.Enum) and cls.__reduce_ex__ is _ENUM_REDUCE:
            return reduce_enum
        ordinary = reduce_plain if is_plain(cls) else reduce_default
        if cls.__module__ in self._code.modules:
            return ordinary
        return _singletons(cls, ordinary) or ordinary


class NameableTable(dict[type, bool]):
    """May objects of a type travel as a global's name? Not what a session owns, no functions or classes."""

    def __init__(self, portables: Portables) -> None:
        super().__init__()
        self._portables = portables

    def __missing__(self, cls: type) -> bool:
        atoms = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
        never = (types.FunctionType, types.ModuleType, type, enum.Enum, *self._portables.owned)
        answer = cls not in atoms and not issubclass(cls, never) and not hasattr(cls, "__get__")
        self[cls] = answer
        return answer


def reduce_default(_obj: object) -> Any:
    """Leave the object to pickle."""
    return NotImplemented


def reduce_plain(obj: Any) -> Any:
    """Do what ``object.__reduce_ex__`` does for objects with only a ``__dict__``, at a fifth of its cost."""
    return _new_object, (type(obj),), obj.__dict__


def reduce_enum(member: enum.Enum) -> Any:
    """Reduce a member to its class and value."""
    return type(member), (member._value_,)


def is_plain(cls: type) -> bool:
    """Tell whether instances of ``cls`` are a ``__dict__`` only, with the ordinary pickling protocol."""
    if cls in copyreg.dispatch_table or cls.__dictoffset__ == 0 or cls.__itemsize__:
        return False
    pointers = (cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0)
    if cls.__basicsize__ != object.__basicsize__ + pointers * _WORD:
        return False
    if any(vars(base).get("__slots__") for base in cls.__mro__ if base is not object):
        return False
    return all(getattr(cls, name, None) is getattr(object, name, None) for name in _PROTOCOL)


_PROTOCOL = ("__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__")


def _singletons(cls: type, ordinary: Reducer) -> Reducer | None:
    """Return a reducer for types with an instance in their own module's globals (``dataclasses.MISSING``)."""
    module = sys.modules.get(cls.__module__)
    if module is None:
        return None
    prefix = f"{cls.__module__}:"
    known = {
        id(value): (prefix + key, value) for key, value in list(vars(module).items()) if type(value) is cls
    }
    if not known:
        return None

    def reduce_singleton(obj: object) -> Any:
        found = known.get(id(obj))
        return ordinary(obj) if found is None else (NAMED, (found[0],))

    return reduce_singleton
