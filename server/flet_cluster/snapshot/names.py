"""Objects that have a name in an app module travel as that name (layer 1: imports no Flet, no I/O).

Named are the values of app modules' globals, of their classes' attributes, of their functions' attributes
and of the cells their decorators closed over. All of these live as long as the module, one for each
process. A name reads ``module:name``, then ``.attribute`` or ``(cell)`` steps:
``app:Item(fn).__wrapped__``.
"""

from __future__ import annotations

import re
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import SnapshotOutdated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from flet_cluster.snapshot.code_index import CodeIndex

_STEP = re.compile(r"\.([^.(]+)|\(([^)]+)\)")
_NEVER = frozenset(
    {"__builtins__", "__dict__", "__weakref__", "__slotnames__", "__dataclass_fields__", "__annotations__"}
)
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
_SKIPPED = (*_ATOMS, ModuleType, property, classmethod, staticmethod)

Slot = tuple[str, Any, str]
"""Name, holder (a function's namespace or a cell), key in the holder."""


class _Space:
    """One namespace (a module's or a class's) and what was found in it when it last changed."""

    def __init__(self, holder: ModuleType | type, prefix: str, unnamed: AbstractSet[str]) -> None:
        self.holder = holder
        self._never = _NEVER | unnamed if isinstance(holder, type) else _NEVER
        self.prefix = prefix
        self.ids: list[int] = []
        self.keys: list[str] = []
        self.slots: list[Slot] = []
        self.functions: dict[int, str] = {}
        self.classes: list[tuple[type, str]] = []

    def changed(self) -> bool:
        """Is any value another object than at the last scan? Compares identities only: no user code runs."""
        return list(map(id, vars(self.holder).values())) != self.ids

    def items(self) -> Iterator[tuple[str, object]]:
        """Yield (name, object) of what has an identity, functions and classes apart."""
        names = vars(self.holder)
        return ((self.prefix + key, names[key]) for key in self.keys if key in names)

    def scan(self, module: str) -> None:
        """Sort the values into functions, the module's own classes, and what else has an identity."""
        names = vars(self.holder)
        self.ids = list(map(id, names.values()))
        self.keys, self.slots, self.functions, self.classes = [], [], {}, []
        for key, value in list(names.items()):
            kind = type(value)  # isinstance would ask the value, which may be a proxy of something
            if key in self._never or issubclass(kind, _SKIPPED) or not key.isidentifier():
                continue
            name = f"{self.prefix}{key}"
            if kind is FunctionType:
                self._scan_function(name, value)
            elif not issubclass(kind, type):
                self.keys.append(key)
            elif value.__module__ == module and value.__qualname__ == name.partition(":")[2]:
                self.classes.append((value, f"{name}."))

    def _scan_function(self, name: str, function: FunctionType) -> None:
        if id(function) in self.functions:
            return
        self.functions[id(function)] = name
        for step, holder, key, value in _parts(function):
            if type(value) is FunctionType:
                self._scan_function(name + step, value)
            elif not issubclass(type(value), (*_SKIPPED, type)):
                self.slots.append((name + step, holder, key))


class Names:
    """The names of one app, kept up to date by comparing identities.

    Args:
        code: knows the app's modules.
        unnamed: class attributes that get no name.

    Attributes:
        version: changes whenever a global or a class attribute was bound anew.
    """

    def __init__(self, code: CodeIndex, unnamed: AbstractSet[str] = frozenset()) -> None:
        self._code = code
        self._unnamed = unnamed
        self._modules: list[tuple[str, ModuleType]] = []
        self._spaces: list[_Space] = []
        self._slots: list[Slot] = []
        self._functions: dict[int, str] = {}
        self.version = 0

    def refresh(self) -> None:
        """Bring the names up to date; cheap while no global and no class attribute was bound anew."""
        modules = self._code.modules.current()
        if modules is not self._modules or any(space.changed() for space in self._spaces):
            self._modules = modules
            self._rebuild()

    def begin(self) -> None:
        """Sessions begin: what is bound from now on is late, see :mod:`.births`."""
        if not self._code.births.begun:
            self.refresh()
            self._note_births()
            self._code.births.begun = True
            self._rebuild()

    def is_late(self, name: str, obj: object) -> bool:
        """Tell whether another process may have nothing under the name of ``obj``."""
        return self._code.births.is_late(name, obj)

    def functions(self) -> Mapping[int, str]:
        """Return the names of functions by their identity, as of the last :meth:`refresh`."""
        return self._functions

    def modules(self) -> list[tuple[str, ModuleType]]:
        """Return (name, module): the namespaces themselves travel as the modules' names."""
        return self._modules

    def lasting(self) -> Iterator[tuple[str, Mapping[str, Any], list[str]]]:
        """Yield (prefix, namespace, keys) of what stays the same object until :attr:`version` changes.

        Neither functions nor classes nor modules.
        """
        for space in self._spaces:
            yield space.prefix, vars(space.holder), space.keys

    def fleeting(self) -> Iterator[tuple[str, object]]:
        """Yield (name, object) of what functions have in their attributes and cells just now."""
        for name, holder, key in self._slots:
            if type(holder) is CellType:
                try:
                    yield name, holder.cell_contents
                except ValueError:  # emptied meanwhile
                    continue
            elif key in holder:
                yield name, holder[key]

    def _rebuild(self) -> None:
        self.version += 1
        kept = {id(space.holder): space for space in self._spaces}
        self._spaces = []
        for name, module in self._modules:
            self._add(kept, module, f"{name}:", module.__name__)
        if self._code.births.begun:
            self._note_births()
        self._slots = [slot for space in self._spaces for slot in space.slots]
        self._functions = {}
        for space in self._spaces:
            for identity, name in space.functions.items():
                self._functions.setdefault(identity, name)

    def _note_births(self) -> None:
        """Note what the names of new modules hold."""
        births = self._code.births
        for name, module in self._modules:
            if births.knows(name):
                continue
            spaces = [space for space in self._spaces if space.prefix.partition(":")[0] == name]
            births.add(name, module, (item for space in spaces for item in space.items()))

    def _add(self, kept: dict[int, _Space], holder: ModuleType | type, prefix: str, module: str) -> None:
        space = kept.get(id(holder))
        if space is None or space.prefix != prefix:
            space = _Space(holder, prefix, self._unnamed)
        if space.changed():
            space.scan(module)
        self._spaces.append(space)
        for cls, inner in space.classes:
            self._add(kept, cls, inner, module)


def _parts(function: FunctionType) -> Iterator[tuple[str, Any, str, Any]]:
    """Yield (step, holder, key, value) of a function's attributes and of the cells it closed over."""
    for key, value in list(vars(function).items()):
        if key.isidentifier():
            yield f".{key}", vars(function), key, value
    for key, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f"({key})", cell, key, cell.cell_contents
        except ValueError:  # empty: a decorator that has not returned yet
            continue


def resolve(code: CodeIndex, name: str) -> Any:
    """Return the object of ``name`` in this process.

    Raises:
        SnapshotOutdated: the module, or something on the way, is not there.
    """
    module, colon, path = name.partition(":")
    value: Any = code.load(module)
    if colon and not path:
        return vars(value)  # the app keeps its globals() somewhere
    for attribute, cell in _STEP.findall(f".{path}" if path else ""):
        try:
            value = _attribute(value, attribute) if attribute else _cell(value, cell)
        except (AttributeError, LookupError, ValueError) as error:
            raise SnapshotOutdated(name, f"there is no such name here: {error}") from error
    return value


def _attribute(holder: Any, name: str) -> Any:
    """Return the raw value from the holder's own namespace; ask for inherited and lazy names."""
    namespace = getattr(holder, "__dict__", {})
    return namespace[name] if name in namespace else getattr(holder, name)


def _cell(function: Any, name: str) -> Any:
    position = function.__code__.co_freevars.index(name)
    return function.__closure__[position].cell_contents
