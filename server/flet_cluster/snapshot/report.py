"""Says which object cannot travel and how one gets there (layer 1: standard library and siblings only).

Runs only after a capture has failed, so it may be slow, within bounds: a breadth-first walk over the graph by
the same reducers that capture uses. Breadth first, so the path is a shortest one.
"""

from __future__ import annotations

import copyreg
import functools
import pickle
import re
import types
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Edge = tuple[str, object]
Path = tuple["Path | None", str]
"""The way to an object: the way to the one before, and a step. Written out only when it is needed."""
_LEAVES = (  # exactly these: a subclass may have its own way to be pickled, or to refuse it
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(...),
    type(NotImplemented),
    types.BuiltinFunctionType,
    pickle.PickleBuffer,  # what arrays of numpy give away of themselves; a pickle takes it as bytes
)
_SHOWN = 40
_SHOWN_STEPS = 40
"""A longer path is shown without its middle."""
_MOST_OBJECTS = 50_000
"""How many objects are looked at: nobody else is served meanwhile (I9)."""
_WEAK = " → weak reference"
"""Followed last: what a thing is part of says more than what refers to it weakly."""
_FLATTENED = frozenset({"_values"})
"""Attributes that hold the values of attributes: not worth a step in the path."""


ADVICE = (
    "make it with flet_cluster.resource, which opens it anew on each node, or keep it in a module's global"
)

_CHANGED = re.compile(r"(changed|mutated)\b.* during iteration")


def changed_meanwhile(error: BaseException) -> bool:
    """Tell whether a container was changed while it was being read: these words are all that Python says."""
    return isinstance(error, RuntimeError) and _CHANGED.search(str(error)) is not None


def find(
    roots: Iterable[Edge],
    reduce: Callable[[object], Any],
    known: Callable[[object], bool],
    error: BaseException,
) -> NotPortable:
    """Return the error to raise instead of ``error``.

    Args:
        roots: (name, object) where to start.
        reduce: returns the reduction of an object, ``NotImplemented`` for the ordinary one, or raises.
        known: says that an object travels as a name.
        error: what capture failed with; used when the walk finds nothing.
    """
    starts: list[tuple[Path, object]] = [((None, name), obj) for name, obj in roots]
    pending, later = deque(starts[:1]), deque(starts[1:])
    seen: dict[int, object] = {}
    while (pending or later) and len(seen) < _MOST_OBJECTS:
        path, obj = pending.popleft() if pending else later.popleft()
        if type(obj) in _LEAVES or id(obj) in seen or known(obj):
            continue
        seen[id(obj)] = obj
        try:
            edges = list(_edges(obj, reduce))
        except NotPortable as found:
            return NotPortable(f"{_written(path)} → {_label(obj)}", found.reason)
        except (Exception, SystemExit) as found:  # noqa: BLE001  # reducers of any library run here
            if changed_meanwhile(found):
                continue
            return NotPortable(
                f"{_written(path)} → {_label(obj)}", f"it cannot be pickled ({found}); {ADVICE}"
            )
        for step, child in edges:
            (later if step == _WEAK else pending).append(((path, step), child))
    if isinstance(error, RecursionError):
        return NotPortable("page", _TOO_DEEP)
    return NotPortable("page", f"the session cannot be pickled ({type(error).__name__}: {error})")


_TOO_DEEP = (
    "its objects refer to one another in too long a chain; keep what belongs to a chain in a list, or leave "
    "the references out in __getstate__"
)


def _written(path: Path | None) -> str:
    """Write a path out."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(step)
    steps.reverse()
    if len(steps) > _SHOWN_STEPS:
        half = _SHOWN_STEPS // 2
        steps[half:-half] = [" … "]
    return "".join(steps)


def _label(obj: object) -> str:
    cls = type(obj)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _edges(obj: Any, reduce: Callable[[object], Any]) -> Iterator[Edge]:
    cls = type(obj)
    if cls in (list, tuple, deque):
        yield from ((f"[{index}]", item) for index, item in enumerate(obj))
    elif cls is dict:
        for key, value in obj.items():
            yield f"[{_short(key)}]", value
            yield f" → key {_short(key)}", key
    elif cls in (set, frozenset):
        yield from ((" → member", item) for item in obj)
    elif cls is not bytearray:
        yield from _reduced_edges(obj, reduce)


def _reduced_edges(obj: Any, reduce: Callable[[object], Any]) -> Iterator[Edge]:
    reduced = reduce(obj)
    if reduced is NotImplemented:
        reduced = _ordinary(obj)
    if isinstance(reduced, str):
        return
    if isinstance(obj, types.FunctionType) and len(reduced) > 1 and len(reduced[1]) > 1:
        yield from _closure(obj)
    elif isinstance(obj, types.MethodType):
        yield from ((" → self", obj.__self__), (" → function", obj.__func__))
    elif isinstance(obj, functools.partial):
        yield from ((".func", obj.func), (".args", obj.args), (".keywords", obj.keywords))
    elif isinstance(obj, types.CellType):
        yield "", reduced[2][1]["cell_contents"] if len(reduced) > 2 else None  # noqa: PLR2004  # it has a state
        return
    elif isinstance(obj, (weakref.ref, weakref.WeakMethod)):
        yield from ((_WEAK, item) for item in reduced[1])
    else:
        yield from ((f" → part {index}", item) for index, item in enumerate(reduced[1]))
    yield from _state_edges(obj, reduced)


def _ordinary(obj: Any) -> Any:
    reduce = copyreg.dispatch_table.get(type(obj))
    if reduce is not None:
        return reduce(obj)
    reduced = obj.__reduce_ex__(5)
    if isinstance(reduced, str):
        pickle.dumps(obj)  # a name: is it one that leads there?
    return reduced


def _closure(function: types.FunctionType) -> Iterator[Edge]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f" → closure {name!r}", cell


def _state_edges(obj: Any, reduced: tuple[Any, ...]) -> Iterator[Edge]:
    state, items, pairs = (*reduced[2:5], None, None, None)[:3]
    if isinstance(obj, types.FunctionType) and state is not None:
        yield from ((f" → default {index}", value) for index, value in enumerate(state[0] or ()))
        yield from ((f" → default {key!r}", value) for key, value in (state[1] or {}).items())
        state = state[2]
    elif isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):  # noqa: PLR2004  # a pair
        yield from _attributes(state[1])
        state = state[0]
    if isinstance(state, dict):
        yield from _attributes(state)
    elif state is not None:
        yield "", state
    yield from ((f"[{index}]", item) for index, item in enumerate(items or ()))
    yield from ((f"[{_short(key)}]", value) for key, value in pairs or ())


def _attributes(state: dict[Any, Any]) -> Iterator[Edge]:
    for key, value in state.items():
        if key in _FLATTENED and isinstance(value, dict):
            yield from ((f".{inner}", item) for inner, item in value.items())
        else:
            yield (f".{key}" if isinstance(key, str) else f"[{_short(key)}]"), value


def _short(key: object) -> str:
    text = repr(key) if isinstance(key, (*_LEAVES, tuple)) else type(key).__name__
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
