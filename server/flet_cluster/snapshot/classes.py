"""Classes by name, those defined inside functions by value (layer 1: standard library, cloudpickle)."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

from cloudpickle import cloudpickle  # type: ignore[import-untyped]

from flet_cluster.errors import NotPortable, SnapshotOutdated
from flet_cluster.snapshot.names import resolve
from flet_cluster.snapshot.tokens import CLASS, CLASS_STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.snapshot.code_index import CodeIndex
    from flet_cluster.snapshot.portables import Portables

_set_state: Callable[[type, Any], Any] = cloudpickle._class_setstate  # noqa: SLF001  # likewise
_by_value: Callable[[type], Any] = cloudpickle._dynamic_class_reduce  # noqa: SLF001  # no public name for it

MOST_MET = 64
"""Each costs every capture a little, and saves more to those that refer to it."""

_MODEL = "it is a model of SQLAlchemy that is defined in a function; define it in a module"


class ClassReducer:
    """Reduces classes; remembers the references of those that have one.

    Attributes:
        met: (class, reference) of the first ones that always travel alike: captures begin with them.
    """

    def __init__(self, code: CodeIndex, portables: Portables) -> None:
        self._code = code
        self._portables = portables
        self._known: dict[int, tuple[type, str, Any]] = {}
        self.met: list[tuple[type, str]] = []

    def __call__(self, cls: type) -> Any:
        """Return the reduction of ``cls``: a reference, or its parts if no name leads to it."""
        known = self._known.get(id(cls))
        if known is None:
            reference = self._reference(cls)
            if reference is None:
                return _class_by_value(cls)
            lasting = (CLASS, (reference,)) if self._portables.never_marked(cls) else None
            known = self._known[id(cls)] = (cls, reference, lasting)
            if lasting is not None and len(self.met) < MOST_MET:
                self.met.append((cls, reference))
        if known[2] is not None:
            return known[2]
        marks = self._portables.marks_of(cls)
        return CLASS, (known[1], marks) if marks else (known[1],)

    def _reference(self, cls: type) -> str | None:
        name = class_name(cls)
        if name is not None:
            module, _, path = name.partition(":")
            name = f"{self._code.canonical(module)}:{path}"
        if name is not None and cls.__module__ in self._code.modules:
            return f"{name}#{self._code.class_fingerprint(cls)}"
        return name


def _class_by_value(cls: type) -> Any:
    """Return cloudpickle's reduction; it forgets the qualified name, which ``repr`` of a dataclass shows.

    Raises:
        NotPortable: making the class has effects that its content does not show.
    """
    if hasattr(cls, "_sa_registry"):
        raise NotPortable("", _MODEL)
    make, args, (attributes, slots), *_ = _by_value(cls)
    state = {**attributes, "__qualname__": cls.__qualname__}, slots
    return make, args, state, None, None, CLASS_STATE


def class_name(cls: type) -> str | None:
    """Return ``module:path`` that leads to ``cls``; None for a class that lives in a function."""
    value: Any = sys.modules.get(cls.__module__)
    for step in cls.__qualname__.split("."):
        value = getattr(value, step, None)
    if value is cls:
        return f"{cls.__module__}:{cls.__qualname__}"
    for module in (sys.modules.get(cls.__module__), types):
        for key, other in list(vars(module).items()) if module is not None else ():
            if other is cls:
                return f"{getattr(module, '__name__', '')}:{key}"
    return None


class ClassLoader:
    """The restoring side: finds classes by reference and prepares them for their instances."""

    def __init__(self, code: CodeIndex, portables: Portables) -> None:
        self._code = code
        self._portables = portables
        self._known: dict[tuple[str, str], tuple[str, object, type]] = {}

    def __call__(self, reference: str, marks: str = "") -> type:
        """Return the class of ``reference``.

        Raises:
            SnapshotOutdated: it is gone, or an app class whose code has changed.
        """
        known = self._known.get((reference, marks))
        if known is None or sys.modules.get(known[0]) is not known[1]:
            cls = self._load(reference, marks)
            module = reference.partition(":")[0]
            known = self._known[reference, marks] = (module, sys.modules.get(module), cls)
        return known[2]

    def fill(self, cls: type, state: Any) -> None:
        """Give a class that travels by value its content."""
        _set_state(cls, state)
        self._portables.class_made(cls)

    def _load(self, reference: str, marks: str) -> type:
        name, _, mark = reference.partition("#")
        cls = resolve(self._code, name)
        if not isinstance(cls, type):
            raise SnapshotOutdated(name, "it is not a class any more")
        if mark and self._code.class_fingerprint(cls) != mark:
            raise SnapshotOutdated(name, "the class or one of its bases has changed")
        self._portables.class_loaded(cls, marks)
        return cls
