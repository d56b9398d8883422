"""Capture and restore of an object graph (layer 1: imports the standard library and siblings only).

A named object costs nothing but the reference to it, and no Python code runs for built-in containers at all:
the pickler's memo is seeded with what is named (:mod:`.seeds`), and a prologue puts the same into the
unpickler's memo (:mod:`.envelope`).
"""

from __future__ import annotations

import functools
import io
import pickle
import sys
import threading
import weakref
from types import CellType, MethodType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from flet_cluster.errors import SnapshotError, SnapshotOutdated
from flet_cluster.snapshot import late as late_names
from flet_cluster.snapshot.classes import ClassLoader
from flet_cluster.snapshot.envelope import CLASS_NAME, EXTERNAL, FIRST, head, referred, unwrap, used_names
from flet_cluster.snapshot.functions import FunctionMaker, set_function_state
from flet_cluster.snapshot.held import Search
from flet_cluster.snapshot.names import resolve
from flet_cluster.snapshot.portables import Portables, set_current_root
from flet_cluster.snapshot.reducers import ReducerTable
from flet_cluster.snapshot.seeds import Seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

    from flet_cluster.snapshot.code_index import CodeIndex
    from flet_cluster.snapshot.late import LateNames
    from flet_cluster.snapshot.seeds import Memo, Seeded

T = TypeVar("T")

_PROTOCOL = 5
_DEEP = 200_000
_DEEP_STACK = 512 * 1024 * 1024
_deep_lock = threading.Lock()


class Codec:
    """What capture and restore keep between calls, for one code index and one registry."""

    def __init__(self, code: CodeIndex, portables: Portables) -> None:
        self.generation = portables.generation
        self.table = ReducerTable(code, portables)
        self.seeds = Seeds(self.table.names, self.table.nameable, self.table.met)
        self.search = Search(self.table.names, portables.owned, code.modules)
        self.table.trials.named = lambda: self.seeds.of({})[2]
        self.finishers = portables.finishers
        self.load_class = ClassLoader(code, portables)
        self.make = FunctionMaker(code)
        self.sender = late_names.Sender()


_codecs: WeakKeyDictionary[CodeIndex, WeakKeyDictionary[Portables, Codec]] = WeakKeyDictionary()


def codec_of(code: CodeIndex, portables: Portables) -> Codec:
    """Return the codec of this pair; a new one after something was registered."""
    by_registry = _codecs.get(code)
    if by_registry is None:
        by_registry = _codecs[code] = WeakKeyDictionary()
    found = by_registry.get(portables)
    if found is None or found.generation != portables.generation:
        found = by_registry[portables] = Codec(code, portables)
    return found


def write(root: object, codec: Codec, externals: Mapping[str, object]) -> bytes:
    """Pickle ``root``.

    Raises:
        NotPortable: with an empty path; and whatever reducers of other libraries raise.
    """
    data, late = write_named(root, codec, externals)
    if not late:
        return data
    return codec.sender.send(late, data, lambda objects, ids: write_named(objects, codec, externals, ids))


def write_named(
    root: object, codec: Codec, externals: Mapping[str, object], without: Container[int] = ()
) -> tuple[bytes, list[tuple[str, object]]]:
    """Pickle ``root``; return that, and (names, object) of what it refers to that others may not have.

    Args:
        root: where the graph begins.
        codec: how things travel.
        externals: see :func:`write`.
        without: identities of such objects that are to travel by value.
    """
    seeded = codec.seeds.of(externals, without)
    body = _dumped(root, codec, seeded.memo, _written)
    used = used_names(body, *seeded.ranges)
    return _head(seeded, used) + body, [seeded.late[index] for index in used if index in seeded.late]


def _head(seeded: Seeded, used: list[int]) -> bytes:
    """Return what comes before the pickle; most captures of an app refer to the same."""
    key = tuple(used)
    found = seeded.heads.get(key) if seeded.heads is not None else None
    if found is None:
        found = head(seeded.names, seeded.externals, used)
        if seeded.heads is not None:
            seeded.heads[key] = found
    return found


def by_value(
    root: object, codec: Codec, externals: Mapping[str, object], among: Container[int]
) -> list[object]:
    """Return the objects with an identity in ``among`` that :func:`write` would write by value.

    Raises:
        NotPortable: as :func:`write` does.
    """
    seeds = codec.seeds.of(externals).memo
    memo = _dumped(root, codec, seeds, lambda pickler, _: pickler.memo.copy())
    return [obj for key, (_, obj) in memo.items() if key in among and key not in seeds]


def _written(_pickler: _Pickler, stream: io.BytesIO) -> bytes:
    """Return the pickle."""
    return stream.getvalue()


def _dumped(root: object, codec: Codec, seeds: Memo, result: Callable[[_Pickler, io.BytesIO], T]) -> T:
    """Pickle ``root``; return what ``result`` makes of the pickler and its stream."""
    table = codec.table
    table.trials.begin()
    stream = io.BytesIO()
    pickler = _Pickler(stream, _PROTOCOL)

    def reducer_override(obj: Any) -> Any:
        return table[type(obj)](obj)

    pickler.memo = seeds
    pickler.reducer_override = reducer_override  # type: ignore[method-assign]  # an instance attribute costs least
    set_current_root(root)
    try:
        pickler.dump(root)
        return result(pickler, stream)
    finally:
        set_current_root(None)
        pickler.clear_memo()  # an exception's traceback must not keep the session's objects alive
        table.forget_passing()


class _Pickler(pickle.Pickler):
    """Has a ``__dict__``, so that a plain function can be its ``reducer_override``."""


def read(data: bytes, code: CodeIndex, codec: Codec, externals: Mapping[str, object]) -> Any:
    """Rebuild what :func:`write` wrote.

    Raises:
        SnapshotOutdated: something it refers to is gone or has changed.
        SnapshotError: it is not a snapshot, or an external is missing.
    """
    late, data = late_names.unwrap(data, code, lambda values: read(values, code, codec, externals))
    header, body = unwrap(data)
    later: list[tuple[Any, Any]] = []
    supplied: list[Any] = [
        codec.load_class,
        codec.load_class.fill,
        codec.make.function,
        set_function_state,
        codec.make.named,
        lambda obj, items: later.append((obj, items)),
        weakref.ref,
        CellType,
        MethodType,
    ]
    supplied.extend(_named_objects(header, body, code, externals, late, codec.load_class))
    root = _Unpickler(io.BytesIO(body), supplied).load()
    finishers = codec.finishers
    for obj, items in later:
        finishers.get(type(obj), _update)(obj, items)
    return root


def _update(container: Any, items: Any) -> None:
    container.update(items)


def _named_objects(  # noqa: PLR0913, PLR0917 - what names lead to
    header: list[str],
    body: bytes,
    code: CodeIndex,
    externals: Mapping[str, object],
    late: LateNames,
    load_class: ClassLoader,
) -> Iterator[Any]:
    """Yield what the header names. A name that leads nowhere matters only if it is not one too many."""
    needed = functools.cache(lambda: referred(body))  # in doubt only, and once
    for index, name in enumerate(header, FIRST):
        if not name or not (_is_there(name) or index in needed()):
            yield None
            continue
        try:
            if name.startswith(CLASS_NAME):
                yield load_class(name[len(CLASS_NAME) :])
            else:
                yield late.get(name) if name in late else _named(name, code, externals)
        except SnapshotOutdated:
            if index in needed():
                raise
            yield None


def _is_there(name: str) -> bool:
    """Tell whether a name imports nothing: data that look like a reference must not import others' code."""
    return name.startswith(EXTERNAL) or name.removeprefix(CLASS_NAME).partition(":")[0] in sys.modules


def _named(name: str, code: CodeIndex, externals: Mapping[str, object]) -> Any:
    if not name.startswith(EXTERNAL):
        return resolve(code, name)
    try:
        return externals[name[len(EXTERNAL) :]]
    except KeyError:
        raise SnapshotError(f"external {name[1:]!r} is needed to restore this snapshot") from None


class _Unpickler(pickle.Unpickler):
    """Supplies what the prologue asks for."""

    def __init__(self, stream: io.BytesIO, supplied: list[Any]) -> None:
        super().__init__(stream)
        self._supplied = supplied

    def persistent_load(self, index: Any) -> Any:
        return self._supplied[index]


def deeply(function: Callable[[], bytes]) -> bytes:
    """Run ``function`` on a thread with room for very deep recursion, for long chains of objects."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001  # handed to the caller
            outcome.append(error)

    with _deep_lock:
        limit, size = sys.getrecursionlimit(), threading.stack_size(_DEEP_STACK)
        sys.setrecursionlimit(_DEEP)
        try:
            thread = threading.Thread(target=run, name="flet-cluster-deep")
            thread.start()
            thread.join()
        finally:
            sys.setrecursionlimit(limit)
            threading.stack_size(size)
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return bytes(outcome[0])
