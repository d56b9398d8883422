"""Where the app's code is, and whether it is still the same code (layer 1: imports no Flet, no I/O).

A function is referred to as ``module:qualname#fingerprint~n``: the n-th code object of that qualified name
and that fingerprint in the module's source. Line numbers take no part, so edits around it do not matter;
code objects that share a qualified name and a fingerprint do the same thing, so any of them will do.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable, SnapshotOutdated
from flet_cluster.snapshot.births import Births
from flet_cluster.snapshot.fingerprint import code_fingerprint, digest
from flet_cluster.snapshot.modules import AppModules, Canonical, Predicate, under

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CodeTable = dict[str, list[CodeType]]


class CodeIndex:
    """Finds code by reference and reference by code; reads a module's source once, when first needed.

    Args:
        app: the app's root folders, or a predicate over names of imported modules.
        canonical: returns the name under which every process finds a module. A script that Python itself
            started is called ``__main__`` and must be in ``sys.modules`` under its canonical name as well.
    """

    def __init__(self, app: Predicate | Iterable[str | Path], canonical: Canonical = str) -> None:
        self.canonical = canonical
        self.modules = AppModules(app if callable(app) else under(app), canonical)
        self.births = Births()
        self._tables: dict[str, tuple[ModuleType, CodeTable]] = {}
        self._fingerprints: dict[int, tuple[CodeType, str]] = {}
        self._resolved: dict[str, tuple[ModuleType, CodeType]] = {}

    def version(self) -> str:
        """Return one fingerprint over the app modules imported now; equal on nodes with the same code."""
        parts = []
        for name, module in sorted(self.modules.current(), key=lambda pair: pair[0]):
            bodies = [code for codes in self._table(name, module).values() for code in codes]
            parts.append(name)
            parts.append(digest(*sorted(map(self.fingerprint, bodies))))
        return digest(*parts)

    def fingerprint(self, code: CodeType) -> str:
        """Return the fingerprint of ``code``, computed once."""
        known = self._fingerprints.get(id(code))
        if known is None:
            known = self._fingerprints[id(code)] = (code, code_fingerprint(code))
        return known[1]

    def class_fingerprint(self, cls: type) -> str:
        """Return the fingerprint of an app class and its app bases: fields, defaults and methods."""
        parts = []
        for base in cls.__mro__:
            if base.__module__ in self.modules:
                parts.append(f"{self.canonical(base.__module__)}:{base.__qualname__}")
                parts.extend(sorted(map(self.fingerprint, self._class_bodies(base))))
        return digest(*parts)

    def reference(self, function: FunctionType) -> str:
        """Return the reference of the code of ``function``.

        Raises:
            NotPortable: the code is in no source that another process has. The path is still empty.
        """
        code = function.__code__
        name, module = _home(function)
        name = self.canonical(name)
        mark = self.fingerprint(code)
        twins = self._twins(name, module, code.co_qualname, mark)
        if not twins:
            msg = f"the code of {code.co_qualname} is not in the source of module {name}; define it there"
            raise NotPortable("", msg)
        number = next((n for n, twin in enumerate(twins) if twin == code), 0)
        return f"{name}:{code.co_qualname}#{mark}" + (f"~{number}" if number else "")

    def position(self, function: FunctionType) -> int:
        """Return how many other code objects of its qualified name come before that of ``function``.

        In the source, from the top: the same on every node, whatever was called first.

        Raises:
            NotPortable: the code is in no source that another process has. The path is still empty.
        """
        name, module = _home(function)
        same_name = self._table(self.canonical(name), module).get(function.__code__.co_qualname, [])
        if function.__code__ not in same_name:
            raise NotPortable(
                "", f"the code of {function.__qualname__} is not in the source of module {name}"
            )
        return same_name.index(function.__code__)

    def resolve(self, reference: str) -> tuple[ModuleType, CodeType]:
        """Return module and code of a reference made by :meth:`reference`, perhaps in another process.

        Raises:
            SnapshotOutdated: the module or the code is gone, or the code has another fingerprint.
        """
        known = self._resolved.get(reference)
        if known is None or sys.modules.get(known[0].__name__) is not known[0]:
            known = self._resolved[reference] = self._find(reference)
        return known

    def load(self, name: str) -> ModuleType:
        """Import a module by name.

        Raises:
            SnapshotOutdated: it cannot be imported.
        """
        module = sys.modules.get(name)
        if module is not None:
            return module
        try:
            return importlib.import_module(name)
        except ImportError as error:
            raise SnapshotOutdated(name, f"the module cannot be imported here: {error}") from error

    def _find(self, reference: str) -> tuple[ModuleType, CodeType]:
        place, _, mark = reference.rpartition("#")
        mark, _, number = mark.partition("~")
        name, _, qualname = place.partition(":")
        module = self.load(name)
        twins = self._twins(name, module, qualname, mark)
        if not twins:
            known = qualname in self._table(name, module)
            raise SnapshotOutdated(
                place, "its code has changed" if known else "there is no such code any more"
            )
        position = int(number or 0)
        return module, twins[position if position < len(twins) else 0]

    def _twins(self, name: str, module: ModuleType, qualname: str, mark: str) -> list[CodeType]:
        return [
            code for code in self._table(name, module).get(qualname, ()) if self.fingerprint(code) == mark
        ]

    def _class_bodies(self, cls: type) -> list[CodeType]:
        module = sys.modules.get(cls.__module__)
        if module is None:
            return []
        return self._table(self.canonical(cls.__module__), module).get(cls.__qualname__, [])

    def _table(self, name: str, module: ModuleType) -> CodeTable:
        known = self._tables.get(name)
        if known is None or known[0] is not module:
            known = self._tables[name] = (module, _build_table(module))
        return known[1]


def _home(function: FunctionType) -> tuple[str, ModuleType]:
    """Return the module whose globals the function uses; wrappers may claim another in ``__module__``."""
    name = function.__globals__.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    if not isinstance(module, ModuleType) or vars(module) is not function.__globals__:
        msg = f"{function.__qualname__} belongs to a module that is not (or no longer) imported as {name!r}"
        raise NotPortable("", msg)
    return str(name), module


def _build_table(module: ModuleType) -> CodeTable:
    """Collect all code of a module: from its source, then what lives in it and is not in the source."""
    table: CodeTable = {}
    for code in [*_source_codes(module), *_live_codes(module)]:
        same_name = table.setdefault(code.co_qualname, [])
        if code not in same_name:
            same_name.append(code)
    return table


def _source_codes(module: ModuleType) -> Iterator[CodeType]:
    """Yield the code of a module's source; a script started by Python has no loader that would return it."""
    spec = getattr(module, "__spec__", None)
    get_code: Any = getattr(getattr(spec, "loader", None), "get_code", None)
    try:
        if get_code is not None and spec is not None:
            code = get_code(spec.name)
        else:
            path = Path(str(getattr(module, "__file__", "")))
            code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (ImportError, OSError, SyntaxError, ValueError):
        return
    if isinstance(code, CodeType):
        yield from _nested(code)


def _live_codes(module: ModuleType) -> Iterator[CodeType]:
    pending: list[object] = list(vars(module).values())
    seen: set[int] = set()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        value = getattr(value, "__func__", value) if isinstance(value, (staticmethod, classmethod)) else value
        if isinstance(value, FunctionType) and value.__globals__ is vars(module):
            yield from _nested(value.__code__)
        elif isinstance(value, type) and value.__module__ == module.__name__:
            pending.extend(vars(value).values())


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _nested(value)
