"""Capture and restore of an object graph (layer 1: imports the standard library and siblings only).

Format: ``magic``, u32 length of the header, header, pickle. The header is text: the Python version, then
one line for each named object that the pickle refers to (an empty line: not needed). The pickle begins with
a prologue that puts the fixed tokens and the named objects into the unpickler's memo, at the indexes under
which the pickler's memo was seeded with them; so a named object costs nothing but the reference to it, and
no Python code runs for built-in containers at all.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
import sys
import threading
import weakref
from types import CellType, MethodType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from flet_cluster.errors import SnapshotError, SnapshotOutdated
from flet_cluster.snapshot.classes import ClassLoader
from flet_cluster.snapshot.functions import FunctionMaker, set_function_state
from flet_cluster.snapshot.names import resolve
from flet_cluster.snapshot.portables import Portables, set_current_root
from flet_cluster.snapshot.reducers import ReducerTable
from flet_cluster.snapshot.tokens import FIXED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flet_cluster.snapshot.code_index import CodeIndex

MAGIC = b"fcs1"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_PROTOCOL = 5
_SHORT_INDEX = 256
_EXTERNAL = "@"
_DEEP = 200_000
_DEEP_STACK = 512 * 1024 * 1024
_deep_lock = threading.Lock()


class Codec:
    """What capture and restore keep between calls, for one code index and one registry."""

    def __init__(self, code: CodeIndex, portables: Portables) -> None:
        self.generation = portables.generation
        self.table = ReducerTable(code, portables)
        self.finishers = portables.finishers
        self.load_class = ClassLoader(code, portables)
        self.make = FunctionMaker(code)


_codecs: WeakKeyDictionary[CodeIndex, WeakKeyDictionary[Portables, Codec]] = WeakKeyDictionary()


def codec_of(code: CodeIndex, portables: Portables) -> Codec:
    """Return the codec of this pair; a new one after something was registered."""
    by_registry = _codecs.setdefault(code, WeakKeyDictionary())
    found = by_registry.get(portables)
    if found is None or found.generation != portables.generation:
        found = by_registry[portables] = Codec(code, portables)
    return found


def write(root: object, codec: Codec, externals: Mapping[str, object]) -> bytes:
    """Pickle ``root``.

    Raises:
        NotPortable: with an empty path; and whatever reducers of other libraries raise.
    """
    names, seeds = _seeds(codec, externals)
    stream = io.BytesIO()
    pickler = _Pickler(stream, _PROTOCOL)
    table = codec.table

    def reducer_override(obj: Any) -> Any:
        return table[type(obj)](obj)

    pickler.memo = seeds
    pickler.reducer_override = reducer_override  # type: ignore[method-assign]  # an instance attribute costs least
    set_current_root(root)
    try:
        pickler.dump(root)
    finally:
        set_current_root(None)
        pickler.clear_memo()  # an exception's traceback must not keep the session's objects alive
    return _envelope(names, stream.getvalue())


class _Pickler(pickle.Pickler):
    """Has a ``__dict__``, so that a plain function can be its ``reducer_override``."""


def _seeds(codec: Codec, externals: Mapping[str, object]) -> tuple[list[str], dict[int, tuple[int, Any]]]:
    """Return the names, and the memo: by identity (index, object). The first name of an object wins."""
    memo: dict[int, tuple[int, Any]] = {id(obj): (index, obj) for index, obj in enumerate(FIXED)}
    names: list[str] = []
    base = len(FIXED)
    for name, obj in externals.items():
        if id(obj) not in memo:
            memo[id(obj)] = (base + len(names), obj)
            names.append(_EXTERNAL + name)
    codec.table.names.refresh()
    nameable = codec.table.nameable
    for name, obj in codec.table.names.objects():
        if id(obj) not in memo and nameable[type(obj)] and not is_value(obj):
            memo[id(obj)] = (base + len(names), obj)
            names.append(name)
    return names, memo


def is_value(obj: object) -> bool:
    """Tell whether ``obj`` is a tuple or frozenset of plain values: shared by chance, travels as itself."""
    if type(obj) is not tuple and type(obj) is not frozenset:
        return False
    return all(type(item) in _VALUES or is_value(item) for item in obj)


_VALUES = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})


def _envelope(names: list[str], body: bytes) -> bytes:
    """Put header and prologue before the pickle, naming only what it refers to."""
    lines = [_PYTHON]
    prologue = [_FIXED_PROLOGUE]
    base = len(FIXED)
    last = 0
    for index, name in enumerate(names, base):
        # The search may hit by chance in data: then a name too many is listed, which read() bears. Externals
        # always are.
        if name.startswith(_EXTERNAL) or _reference_to(index) in body:
            lines.append(name)
            last = len(lines)
        else:
            lines.append("")
    prologue.extend(map(_push, range(base, base + len(names))))
    header = "\n".join(lines if last else lines[:1]).encode()
    return b"".join((MAGIC, struct.pack("<II", len(header), len(names)), header, *prologue, body))


def _reference_to(index: int) -> bytes:
    return b"h" + bytes((index,)) if index < _SHORT_INDEX else b"j" + struct.pack("<I", index)


def _push(index: int) -> bytes:
    """Opcodes: ask for the persistent object ``index``, memoize it, drop it."""
    return b"J" + struct.pack("<i", index) + b"Q\x940"


_FIXED_PROLOGUE = b"\x80\x05" + b"".join(_push(index) for index in range(len(FIXED)))


def read(data: bytes, code: CodeIndex, codec: Codec, externals: Mapping[str, object]) -> Any:
    """Rebuild what :func:`write` wrote.

    Raises:
        SnapshotOutdated: something it refers to is gone or has changed.
        SnapshotError: it is not a snapshot, or an external is missing.
    """
    header, body = _open(data)
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
    supplied.extend(_named_objects(header, body, code, externals))
    root = _Unpickler(io.BytesIO(body), supplied).load()
    finishers = codec.finishers
    for obj, items in later:
        finishers.get(type(obj), _update)(obj, items)
    return root


def _update(container: Any, items: Any) -> None:
    container.update(items)


def _open(data: bytes) -> tuple[list[str], bytes]:
    start = len(MAGIC) + 8
    if not data.startswith(MAGIC) or len(data) < start:
        raise SnapshotError("this is not a snapshot, or one of another format")
    size, count = struct.unpack_from("<II", data, len(MAGIC))
    python, *names = data[start : start + size].decode().split("\n")
    if python != _PYTHON:
        raise SnapshotOutdated("python", f"the snapshot was taken by Python {python}, this is {_PYTHON}")
    return names or [""] * count, data[start + size :]


def _named_objects(
    header: list[str], body: bytes, code: CodeIndex, externals: Mapping[str, object]
) -> Iterator[Any]:
    """Yield what the header names. A name that leads nowhere matters only if it is not one too many."""
    for index, name in enumerate(header, len(FIXED)):
        try:
            yield _named(name, code, externals)
        except SnapshotOutdated:
            if _refers_to(body, index):
                raise
            yield None


def _refers_to(body: bytes, index: int) -> bool:
    """Tell for certain whether a pickle gets the memo's object ``index``; slow, as it reads every opcode."""
    return any(
        argument == index and opcode.name in _GET_OPCODES for opcode, argument, _ in pickletools.genops(body)
    )


_GET_OPCODES = frozenset({"BINGET", "LONG_BINGET"})


def _named(name: str, code: CodeIndex, externals: Mapping[str, object]) -> Any:
    if not name:
        return None
    if not name.startswith(_EXTERNAL):
        return resolve(code, name)
    try:
        return externals[name[len(_EXTERNAL) :]]
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
