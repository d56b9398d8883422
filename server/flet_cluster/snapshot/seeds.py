"""What a pickler's memo begins with: tokens, externals, names (layer 1: standard library and siblings only).

An app may have thousands of globals, and a capture of a small page takes some ten microseconds. So what is
known about them is kept: which of them may travel as a name, sorted when a global is bound anew. Kept are
keys, names and identities only. The objects themselves are read for each capture: a global that the app has
dropped since must not live on here, and neither must the session that it may have referred to.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from flet_cluster.snapshot.envelope import CLASS_NAME, EXTERNAL, FIRST
from flet_cluster.snapshot.tokens import FIXED

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from flet_cluster.snapshot.names import Names

Memo = dict[int, tuple[int, Any]]
"""Identity → (index, object)."""
_FAR = 256
"""Pickle refers to indexes from here on by four bytes, which no data look like by chance."""
_GAPS: Memo = {id(gap): (0, gap) for gap in (object() for _ in range(_FAR - FIRST))}
_NO_NAMES = [""] * len(_GAPS)
_HEADS = 64
"""So many headers are kept: those of pages of the same kind are alike."""


class Seeded(NamedTuple):
    """A memo to begin with.

    Attributes:
        names: of the named objects, by index from :data:`FIRST` on.
        externals: indexes of those that are externals.
        memo: the memo.
        late: (names, object) of those that another process may not have, by index.
        ranges: (first, end) of indexes that a pickle may refer to.
        heads: what was made of these names for earlier captures; None if the next will have others.
    """

    names: list[str]
    externals: range
    memo: Memo
    late: dict[int, tuple[str, object]]
    ranges: tuple[tuple[int, int], ...]
    heads: dict[tuple[int, ...], bytes] | None = None


class Seeds:
    """Makes the memo for each capture.

    Args:
        names: of the app's objects.
        nameable: may objects of a type travel as a name?
        classes: (class, reference) of those that captures have met, in that order; only ever added to.
    """

    def __init__(
        self, names: Names, nameable: Mapping[type, bool], classes: Sequence[tuple[type, str]] = ()
    ) -> None:
        self._names = names
        self._nameable = nameable
        self._classes = classes
        self._first: Memo = {}
        self._class_names: list[str] = []
        self._heads: dict[tuple[str, ...], dict[tuple[int, ...], bytes]] = {}
        self._sorted_at = -1
        self._blocks: list[tuple[Callable[[str], Any], list[str]]] = []
        self._types: list[int] = []
        self._lasting: list[str] = []
        self._plain: list[object] = []
        self._mixed: list[tuple[str, Mapping[str, Any], str]] = []
        self._late: list[tuple[str, Mapping[str, Any], str]] = []

    def of(self, externals: Mapping[str, object], without: Container[int] = ()) -> Seeded:
        """Return names and memo.

        The first name of an object wins: externals come before the app's names, the tokens before all.

        Args:
            externals: objects of this process, by name.
            without: identities of objects that are to travel by value although they have a late name.
        """
        objects = self._objects()
        first, names = self._beginning()
        start = FIRST + len(names)
        for name, obj in externals.items():
            if id(obj) not in first:
                first[id(obj)] = (FIRST + len(names), obj)
                names.append(EXTERNAL + name)
        given = range(start, FIRST + len(names))
        own = tuple(names[start - FIRST :])
        names += self._lasting
        memo: Memo = dict(zip(map(id, objects), zip(itertools.count(given.stop), objects), strict=False))
        memo.update(first)
        # The pickler numbers on from the size of its memo: what has two names must not leave it too small.
        for _ in range(FIRST + len(names) - len(memo)):
            gap = object()
            memo[id(gap)] = (0, gap)
        alike = len(names)
        for name, obj in self._fleeting():
            if id(obj) not in memo and self._nameable[type(obj)] and not is_value(obj):
                memo[id(obj)] = (FIRST + len(names), obj)
                names.append(name)
        near = (FIRST, FIRST + len(names))
        late = self._add_late(names, memo, without) if self._late else None
        if late:
            return Seeded(names, given, memo, late, (near, (min(late), FIRST + len(names))))
        return Seeded(names, given, memo, {}, (near,), self._heads_of(own) if alike == len(names) else None)

    def _beginning(self) -> tuple[Memo, list[str]]:
        """Return what comes first, to be added to: the tokens, the classes, and the names of these."""
        known = len(self._class_names)
        if len(self._classes) > known or not self._first:
            self._first = {id(obj): (index, obj) for index, obj in enumerate(FIXED)}
            met = self._classes[:]
            self._first.update((id(cls), (FIRST + index, cls)) for index, (cls, _) in enumerate(met))
            self._class_names = [CLASS_NAME + reference for _, reference in met]
            self._heads.clear()
        return self._first.copy(), self._class_names.copy()

    def _heads_of(self, externals: tuple[str, ...]) -> dict[tuple[int, ...], bytes]:
        """Return what was made of the names with these externals; it is bounded."""
        found = self._heads.setdefault(externals, {})
        if len(found) >= _HEADS or len(self._heads) > _HEADS:
            self._heads.clear()
            found = self._heads[externals] = {}
        return found

    def _add_late(
        self, names: list[str], memo: Memo, without: Container[int]
    ) -> dict[int, tuple[str, object]]:
        """Add the objects that another process may not have, so that it is certain what refers to them."""
        found: dict[int, tuple[list[str], object]] = {}
        for name, namespace, key in self._late:
            obj = namespace.get(key)
            if (
                self._nameable[type(obj)]
                and id(obj) not in memo
                and id(obj) not in without
                and not is_value(obj)
            ):
                found.setdefault(id(obj), ([], obj))[0].append(name)
        if found:
            memo.update(_GAPS)
            names += _NO_NAMES
        late = {}
        for paths, obj in found.values():
            index = FIRST + len(names)
            memo[id(obj)] = (index, obj)
            names.append(paths[0])
            late[index] = (" ".join(paths), obj)
        return late

    def _objects(self) -> list[Any]:
        """Return the objects of ``_lasting`` as they are now, sorting the names anew if they have changed."""
        while True:
            self._names.refresh()
            try:
                if self._sorted_at != self._names.version:
                    self._sort()
                objects = self._read()
            except KeyError:  # another thread has just deleted a global
                continue
            # An identity is used again when its object is gone: a new value may be of another kind.
            if list(map(id, map(type, objects))) == self._types:
                return objects
            self._sorted_at = -1

    def _read(self) -> list[Any]:
        objects: list[Any] = [vars(module) for _, module in self._names.modules()]
        for get, keys in self._blocks:
            objects.extend(map(get, keys))
        return objects

    def _sort(self) -> None:
        """Choose from the namespaces what may travel as a name; each object once."""
        self._lasting = [f"{name}:" for name, _ in self._names.modules()]
        self._blocks, self._plain, self._mixed, self._late = [], [], [], []
        seen: set[int] = set()
        for prefix, namespace, keys in self._names.lasting():
            chosen = [key for key in keys if self._choose(prefix, namespace, key, seen)]
            self._blocks.append((namespace.__getitem__, chosen))
            self._lasting.extend(prefix + key for key in chosen)
        self._types = list(map(id, map(type, self._read())))
        self._heads.clear()
        self._sorted_at = self._names.version

    def _choose(self, prefix: str, namespace: Mapping[str, Any], key: str, seen: set[int]) -> bool:
        obj = namespace[key]
        if id(obj) in seen or not self._nameable[type(obj)]:
            return False
        if self._names.is_late(prefix + key, obj):
            self._late.append((prefix + key, namespace, key))
            return False
        seen.add(id(obj))
        if type(obj) is not tuple and type(obj) is not frozenset:
            return True
        if is_value(obj):
            self._plain.append(obj)  # nothing but itself lives on, and its identity is not used again
        else:
            self._mixed.append((prefix + key, namespace, key))
        return False

    def _fleeting(self) -> Iterator[tuple[str, object]]:
        """Yield what has to be looked at each time."""
        for name, namespace, key in self._mixed:
            if key in namespace:
                yield name, namespace[key]
        yield from self._names.fleeting()


def is_value(obj: object) -> bool:
    """Tell whether ``obj`` is a tuple or frozenset of plain values: shared by chance, travels as itself."""
    if type(obj) is not tuple and type(obj) is not frozenset:
        return False
    return all(type(item) in _VALUES or is_value(item) for item in obj)


_VALUES = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})
