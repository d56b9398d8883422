"""Chooses how objects of a type travel, once for each type (layer 1: standard library and siblings only)."""

from __future__ import annotations

import enum
import sys
import types
from typing import TYPE_CHECKING, Any

from flet_cluster.snapshot import libraries
from flet_cluster.snapshot.classes import ClassReducer
from flet_cluster.snapshot.functions import FunctionReducer, reduce_cell, reduce_method
from flet_cluster.snapshot.names import Names
from flet_cluster.snapshot.ordinary import reducer_for
from flet_cluster.snapshot.portables import Portables, Reducer
from flet_cluster.snapshot.stdlib_types import STDLIB_EXACT, STDLIB_FAMILIES
from flet_cluster.snapshot.tokens import NAMED
from flet_cluster.snapshot.trial import Trials

if TYPE_CHECKING:
    from flet_cluster.snapshot.code_index import CodeIndex

_ENUM_REDUCE = enum.Enum.__reduce_ex__


class ReducerTable(dict[type, Reducer]):
    """Reducer by exact type, filled as types are met. One for each pair of code index and registry.

    A class that is made in a function is forgotten after each capture: its functions may know the session
    that made it, which would never end.
    """

    def __init__(self, code: CodeIndex, portables: Portables) -> None:
        super().__init__()
        self._code = code
        self.trials = Trials(self)
        self.names = Names(code, portables.unnamed)
        self._portables = portables
        self._class = ClassReducer(code, portables)
        self.met = self._class.met
        self._builtin: dict[type, Reducer] = {
            types.FunctionType: FunctionReducer(code, self.names.functions),
            types.MethodType: reduce_method,
            types.CellType: reduce_cell,
            types.ModuleType: lambda module: (NAMED, (code.canonical(module.__name__),)),
            **STDLIB_EXACT,
        }
        self.nameable = NameableTable(portables)
        self._passing: list[type] = []

    def __missing__(self, cls: type) -> Reducer:
        reduce = self[cls] = self._choose(cls)
        if "<locals>" in cls.__qualname__:
            self._passing.append(cls)
        return reduce

    def forget_passing(self) -> None:
        """A capture is over: forget the classes that end with their sessions."""
        while self._passing:
            cls = self._passing.pop()
            self.pop(cls, None)
            self.trials.forget(cls)

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
        ordinary = reducer_for(cls)
        singletons = None if cls.__module__ in self._code.modules else _singletons(cls, ordinary)
        if singletons is not None or cls.__module__.partition(".")[0] in self._portables.proven:
            return singletons or ordinary
        return self.trials.reducer(cls, ordinary)


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


def reduce_enum(member: enum.Enum) -> Any:
    """Reduce a member to its class and value."""
    return type(member), (member._value_,)


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
