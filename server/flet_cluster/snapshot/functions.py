"""Functions by reference to their code (layer 1: standard library and siblings only).

A function that has a name travels as that name. Any other one travels as the reference of its code, its cells
(shared cells stay shared) and whatever differs from what the code alone would give: defaults, attributes
(``__wrapped__`` among them), names that a decorator changed.
"""

from __future__ import annotations

import importlib
import marshal
import sys
from collections.abc import Callable, Mapping
from types import CellType, CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import SnapshotOutdated
from flet_cluster.snapshot.names import resolve
from flet_cluster.snapshot.tokens import FUNCTION, FUNCTION_STATE, NAMED

if TYPE_CHECKING:
    from flet_cluster.snapshot.code_index import CodeIndex

_OVERRIDES = ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__")

FunctionNames = Callable[[], Mapping[int, str]]


class FunctionReducer:
    """Reduces functions; remembers what it learnt about each code object.

    Args:
        code: finds code and fingerprints it.
        names: returns the current names of app functions by identity.
    """

    def __init__(self, code: CodeIndex, names: FunctionNames) -> None:
        self._code = code
        self._names = names
        self._known: dict[int, tuple[object, str | None, tuple[Any, ...]]] = {}
        self._library: dict[int, tuple[object, str]] = {}

    def __call__(self, function: FunctionType) -> Any:
        """Return the reduction of ``function``.

        Raises:
            NotPortable: its code is in no source.
        """
        name = self._names().get(id(function))
        if name is not None:
            return NAMED, (f"{name}#{self._code.fingerprint(function.__code__)}",)
        found = self._library.get(id(function))
        if found is not None:
            return NAMED, (found[1],)
        code = function.__code__
        known = self._known.get(id(code))
        if known is None:
            path = None if "<" in function.__qualname__ else self._path(function)
            if path is not None:
                return NAMED, (path,)
            reference = None if is_generated(code) else self._code.reference(function)
            known = self._known[id(code)] = (code, reference, _own_values(function))
        return self._by_code(function, known[1], known[2])

    def _by_code(self, function: FunctionType, reference: str | None, own: tuple[Any, ...]) -> Any:
        closure = function.__closure__
        state = _state(function, own)
        if reference is None:
            return _generated(function, state)
        made = FUNCTION, (reference,) if closure is None else (reference, closure)
        return made if state is None else (*made, state, None, None, FUNCTION_STATE)

    def _path(self, function: FunctionType) -> str | None:
        """Return ``module:path`` if the function's qualified name leads to this very function."""
        module = function.__module__
        steps = []
        value: Any = sys.modules.get(module)
        for step in function.__qualname__.split("."):
            steps.append(_mangled(value, step))
            value = getattr(value, steps[-1], None)
        value = getattr(value, "__func__", value)
        while value is not function:  # decorated? Flet compares a component's function by identity
            value = getattr(value, "__wrapped__", None)
            if value is None:
                return None
            steps.append("__wrapped__")
        path = f"{self._code.canonical(module)}:{'.'.join(steps)}"
        if module in self._code.modules:
            return f"{path}#{self._code.fingerprint(function.__code__)}"
        self._library[id(function)] = (function, path)
        return path


def is_generated(code: CodeType) -> bool:
    """Tell whether the code was compiled from a text in no file, as methods of dataclasses are."""
    return code.co_filename.startswith("<") and not code.co_filename.startswith("<frozen")


def _generated(function: FunctionType, state: tuple[Any, ...] | None) -> Any:
    """Reduce a function whose code is in no file: with what it uses of its globals if no module has these."""
    text, closure, space = marshal.dumps(function.__code__), function.__closure__, function.__globals__
    module = space.get("__name__", "")
    if vars(sys.modules.get(module, object)) is space:
        made = generated_function, (text, module, closure)
        return made if state is None else (*made, state, None, None, FUNCTION_STATE)
    used = {name: space[name] for name in sorted(_names_in(function.__code__)) if name in space}
    return scripted_function, (text, module, closure), (used, state), None, None, set_script_state


def _names_in(code: CodeType) -> set[str]:
    """Return the names that code may look up in its globals."""
    nested = (_names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return {*code.co_names}.union(*nested)


def generated_function(text: bytes, module: str, closure: tuple[CellType, ...] | None) -> FunctionType:
    """Return a function of a class defined inside a function: its generated methods travel as code."""
    code = marshal.loads(text)  # noqa: S302  # the seal was verified before anything was read (I5)
    return FunctionType(code, vars(importlib.import_module(module)), None, None, closure)


def scripted_function(text: bytes, name: str, closure: tuple[CellType, ...] | None) -> FunctionType:
    """Return a function of a namespace of its own, as ``__new__`` of a namedtuple is."""
    code = marshal.loads(text)  # noqa: S302  # as above
    return FunctionType(code, {"__name__": name}, None, None, closure)


def set_script_state(function: FunctionType, state: tuple[dict[str, Any], tuple[Any, ...] | None]) -> None:
    """Give such a function its globals, which may lead back to it, and its state."""
    used, own = state
    function.__globals__.update(used)
    if own is not None:
        set_function_state(function, own)


def _mangled(holder: object, name: str) -> str:
    """Return the name under which a class keeps its private attribute ``name``."""
    if isinstance(holder, type) and name.startswith("__") and not name.endswith("__"):
        return f"_{holder.__name__.lstrip('_')}{name}"
    return name


def _own_values(function: FunctionType) -> tuple[Any, ...]:
    """What a function made from this code alone has for each of the overridable attributes."""
    bare = FunctionType(function.__code__, function.__globals__, closure=function.__closure__)
    return bare.__name__, bare.__qualname__, bare.__module__, bare.__doc__, bare.__annotations__


def _state(function: FunctionType, own: tuple[Any, ...]) -> tuple[Any, ...] | None:
    defaults, keyword_defaults, attributes = function.__defaults__, function.__kwdefaults__, function.__dict__
    values = (
        function.__name__,
        function.__qualname__,
        function.__module__,
        function.__doc__,
        function.__annotations__,
    )
    overrides = None
    if values != own:
        pairs = zip(_OVERRIDES, values, own, strict=True)
        overrides = {key: value for key, value, plain in pairs if value != plain}
    if defaults is None and not keyword_defaults and not attributes and overrides is None:
        return None
    return defaults, keyword_defaults, attributes or None, overrides


class FunctionMaker:
    """The restoring side: makes functions from references."""

    def __init__(self, code: CodeIndex) -> None:
        self._code = code

    def function(self, reference: str, closure: tuple[CellType, ...] | None = None) -> FunctionType:
        """Return a new function over the code of ``reference``.

        Raises:
            SnapshotOutdated: the code is gone or has changed.
        """
        module, code = self._code.resolve(reference)
        return FunctionType(code, vars(module), None, None, closure)

    def named(self, text: str) -> Any:
        """Return the object of a name; check the fingerprint if there is one.

        Raises:
            SnapshotOutdated: the name is gone or the function has changed.
        """
        name, _, mark = text.partition("#")
        value = resolve(self._code, name)
        if mark and self._mark(value) != mark:
            raise SnapshotOutdated(name, "its code has changed")
        return (
            getattr(value, "__func__", value)
            if isinstance(value, (MethodType, staticmethod, classmethod))
            else value
        )

    def _mark(self, value: object) -> str | None:
        function = getattr(value, "__func__", value)
        return self._code.fingerprint(function.__code__) if isinstance(function, FunctionType) else None


def set_function_state(function: FunctionType, state: tuple[Any, ...]) -> None:
    """Give a rebuilt function what :func:`_state` found on the original."""
    function.__defaults__, function.__kwdefaults__ = state[0], state[1]
    if state[2]:
        function.__dict__.update(state[2])
    for key, value in (state[3] or {}).items():
        setattr(function, key, value)


def reduce_cell(cell: CellType) -> Any:
    """Reduce a cell: made empty, so that what it holds may refer to it, then filled."""
    try:
        return CellType, (), (None, {"cell_contents": cell.cell_contents})
    except ValueError:
        return CellType, ()


def reduce_method(method: MethodType) -> Any:
    """Reduce a bound method by its function: names may be mangled or mean another function in a subclass."""
    return MethodType, (method.__func__, method.__self__)
