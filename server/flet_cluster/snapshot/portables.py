"""The registry of types that need help to travel (layer 1: standard library and siblings only).

A *reducer* takes the object and returns what ``object.__reduce__`` may return (see :mod:`pickle`), or
``NotImplemented`` for the ordinary way, or raises :class:`NotPortable` with an empty path and a reason.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Reducer = Callable[[Any], Any]
Finisher = Callable[[Any, Any], None]
ClassHook = Callable[[type], None]
ClassMark = Callable[[type], str]

_scope = threading.local()


def current_root() -> Any:
    """Return the root object of the capture that runs on this thread (None outside of one)."""
    return getattr(_scope, "root", None)


def set_current_root(root: object) -> None:
    """Say what is captured on this thread; only the pickler calls this."""
    _scope.root = root


class Portables:
    """How special types travel. Register everything before the first capture.

    Attributes:
        exact: reducer by exact type.
        families: (base, reducer): for subclasses too; the most recently registered match wins.
        named: reducer by the name of a type, of subclasses too, for packages that may not be imported.
        owned: types whose instances belong to a session: they never travel as a global's name.
        unnamed: class attributes that hold no state worth a name (tables made by decorators).
        proven: top-level packages whose objects need not be rebuilt on trial (see :mod:`.trial`).
    """

    def __init__(self) -> None:
        self.exact: dict[type, Reducer] = {}
        self.families: list[tuple[type, Reducer]] = []
        self.named: dict[str, Reducer] = {}
        self.owned: tuple[type, ...] = ()
        self.unnamed: set[str] = set()
        self.proven: set[str] = set()
        self.finishers: dict[type, Finisher] = {}
        self._prepare: list[tuple[type, ClassHook]] = []
        self._made: list[tuple[type, ClassHook]] = []
        self._marks: dict[str, ClassHook] = {}
        self._markers: list[ClassMark] = []
        self._never: list[Callable[[type], bool]] = []
        self.generation = 0

    def register(self, cls: type, reduce: Reducer, *, subclasses: bool = False) -> None:
        """Use ``reduce`` for instances of ``cls`` (and of its subclasses)."""
        self.generation += 1
        if subclasses:
            self.families.insert(0, (cls, reduce))
        else:
            self.exact[cls] = reduce

    def register_named(self, name: str, reduce: Reducer) -> None:
        """Use ``reduce`` for instances of the type ``module.qualname`` and of its subclasses."""
        self.generation += 1
        self.named[name] = reduce

    def unregister(self, cls: type) -> None:
        """Forget how instances of ``cls`` travel."""
        self.generation += 1
        self.exact.pop(cls, None)
        self.families = [family for family in self.families if family[0] is not cls]

    def own(self, *classes: type) -> None:
        """Instances of ``classes`` belong to a session: by value even when a module's global names them."""
        self.generation += 1
        self.owned += classes

    def finish(self, cls: type, finisher: Finisher) -> None:
        """Call ``finisher(obj, state)`` for instances of ``cls`` whose reducer ended in ``LATER``.

        That is when the whole graph has been rebuilt, so the finisher may call methods of what it finds.
        """
        self.finishers[cls] = finisher

    def prepare_class(self, base: type, hook: ClassHook) -> None:
        """Call ``hook`` with each subclass of ``base`` in a snapshot, before its instances exist."""
        self._prepare.append((base, hook))

    def mark_class(
        self,
        mark: str,
        marker: Callable[[type], bool],
        hook: ClassHook,
        never: Callable[[type], bool] = lambda _: False,
    ) -> None:
        """Repeat on restore what was done to a class at run time.

        Args:
            mark: short name of the change.
            marker: has the class been changed? Asked for each class in each capture.
            hook: makes the change.
            never: is it certain that the class never will be? Asked once for each class.
        """
        self._marks[mark] = hook
        self._markers.append(lambda cls: mark if marker(cls) else "")
        self._never.append(never)

    def never_marked(self, cls: type) -> bool:
        """Tell whether no change will ever be made to ``cls``."""
        return all(never(cls) for never in self._never)

    def marks_of(self, cls: type) -> str:
        """Return the names of the changes made to ``cls``, joined by commas."""
        return ",".join(filter(None, (marker(cls) for marker in self._markers)))

    def class_loaded(self, cls: type, marks: str) -> None:
        """Prepare ``cls`` for its instances and repeat the changes named by ``marks``."""
        for base, hook in self._prepare:
            if issubclass(cls, base):
                hook(cls)
        for mark in marks.split(",") if marks else ():
            self._marks[mark](cls)

    def class_made(self, cls: type) -> None:
        """Prepare a class that travelled by value."""
        self.class_loaded(cls, "")
        for base, hook in self._made:
            if issubclass(cls, base):
                hook(cls)

    def complete_class(self, base: type, hook: ClassHook) -> None:
        """Call ``hook`` with each subclass of ``base`` that travels by value, when it has its content."""
        self._made.append((base, hook))

    def reducer_for(self, cls: type) -> Reducer | None:
        """Return the registered reducer for instances of ``cls``, if any."""
        found = self.exact.get(cls)
        if found is not None:
            return found
        named = (self.named.get(f"{base.__module__}.{base.__qualname__}") for base in cls.__mro__)
        families = (reduce for base, reduce in self.families if issubclass(cls, base))
        return next(filter(None, named), None) or next(families, None)
