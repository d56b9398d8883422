"""A session's whole object graph as plain data, for comparing two processes.

Everything reachable from the page by strong references is described: every property of every control, the
private bookkeeping of Flet's diff, handlers with their cells and defaults, component hooks, user objects. An
object met again is a reference to its number, so two equal descriptions mean isomorphic graphs (shared lists
stay shared). Weak references name their target and are not followed.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import gc
import logging
import sys
import threading
import types
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from flet import BaseControl
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLAIN = (type(None), bool, int, float, str, bytes)
OPAQUE = (
    types.ModuleType,
    logging.Logger,
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Thread,
    asyncio.AbstractEventLoop,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.BuiltinFunctionType,
)
NAMED = (enum.Enum, type, Session, weakref.ref, *OPAQUE)
RECURSION = 50_000


def describe_session(session: Session, names: Mapping[int, str] | None = None) -> dict[str, Any]:
    """The page with all below, the session's store, its index of controls and its subscriptions.

    Args:
        session: what to describe.
        names: by identity, what is not of the session but of the process: named, and not looked into.
    """
    gc.collect()  # garbage in cycles is still in weak maps, and differs by chance
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, RECURSION))
    try:
        graph = _Graph(names or {})
        return {
            "page": graph.describe(session.page),
            "store": graph.describe(_private(session.store, "SessionStore", "store")),
            "components_mode": session.components_mode,
            "index": sorted(session.index),
            "pubsub": _subscriptions(session),
        }
    finally:
        sys.setrecursionlimit(limit)


def difference(left: Any, right: Any, path: str = "") -> Iterator[str]:
    """Where two descriptions differ, one line each."""
    if type(left) is not type(right):
        yield f"{path}: {left!r:.200} != {right!r:.200}"
    elif isinstance(left, dict):
        for key in [*left, *(key for key in right if key not in left)]:
            if key not in left or key not in right:
                yield f"{path}.{key}: only {'right' if key not in left else 'left'}"
            else:
                yield from difference(left[key], right[key], f"{path}.{key}")
    elif isinstance(left, list):
        if len(left) != len(right):
            yield f"{path}: {len(left)} items != {len(right)} items"
        for n, (one, other) in enumerate(zip(left, right, strict=False)):
            yield from difference(one, other, f"{path}[{n}]")
    elif left != right:
        yield f"{path}: {left!r:.200} != {right!r:.200}"


def _private(obj: Any, cls: str, name: str) -> Any:
    return getattr(obj, f"_{cls}__{name}")


def _subscriptions(session: Session) -> list[str]:
    hub = _private(session.pubsub_client, "PubSubClient", "pubsub")
    if isinstance(hub, PubSubHub):
        everything = _private(hub, "PubSubHub", "subscribers").get(session.id, ())
        topics = _private(hub, "PubSubHub", "subscriber_topics").get(session.id, {})
    else:  # the product's, one for each session
        everything, topics = hub.subscriptions.general, hub.subscriptions.topics
    named = [f"*: {_name(handler)}" for handler in everything]
    named += [f"{topic}: {_name(handler)}" for topic, each in topics.items() for handler in each]
    return sorted(named)


def _name(obj: Any) -> str:
    cls = type(obj)
    module = getattr(obj, "__module__", None) or cls.__module__
    return f"{module}:{getattr(obj, '__qualname__', cls.__qualname__)}"


def _named(obj: Any) -> str:
    """What is said of an object that is not looked into."""
    if isinstance(obj, enum.Enum):
        return f"<{_name(type(obj))}.{obj.name}>"
    if isinstance(obj, weakref.ref):
        return f"<weak {_label(obj())}>"
    return f"<{type(obj).__name__} {getattr(obj, '__qualname__', '')}>"


class _Graph:
    """One walk: numbers objects in the order they are met and keeps them alive, so ids stay unique."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []

    def describe(self, obj: Any) -> Any:
        if type(obj) in PLAIN:
            return repr(obj) if isinstance(obj, float | bytes) else obj
        if isinstance(obj, NAMED):
            return _named(obj)
        if id(obj) in self._names:
            return f"<global {self._names[id(obj)]}>"
        if type(obj) is tuple and all(type(item) in PLAIN for item in obj):
            return repr(obj)  # constants are shared by chance
        if id(obj) in self._numbers:
            return f"<object {self._numbers[id(obj)]}>"
        self._numbers[id(obj)] = number = len(self._numbers)
        self._alive.append(obj)
        return {"@": f"{number} {type(obj).__name__}"} | self._parts(obj)

    def _parts(self, obj: Any) -> dict[str, Any]:
        match obj:
            case types.FunctionType():
                parts = self._function(obj)
            case types.MethodType():
                parts = {"method": obj.__func__.__qualname__, "of": self.describe(obj.__self__)}
            case functools.partial():
                parts = {"of": [self.describe(part) for part in (obj.func, obj.args, obj.keywords)]}
            case asyncio.Event():
                parts = {"set": obj.is_set()}
            case asyncio.Future():
                parts = {"done": obj.done()}
            case weakref.WeakSet() | weakref.WeakValueDictionary() | weakref.WeakKeyDictionary():
                parts = {"weak": len(obj)}
            case _:
                parts = self._items(obj) | self._attributes(obj)
        return parts

    def _function(self, function: types.FunctionType) -> dict[str, Any]:
        parts: dict[str, Any] = {"function": _name(function)}
        if function.__closure__:
            names = function.__code__.co_freevars
            cells = zip(names, function.__closure__, strict=True)
            parts["cells"] = {name: self._cell(cell) for name, cell in cells}
        if function.__defaults__ and function.__module__.startswith("tests.apps"):
            parts["defaults"] = self.describe(function.__defaults__)
        if function.__dict__:
            parts["dict"] = self.describe(function.__dict__)
        return parts

    def _cell(self, cell: types.CellType) -> Any:
        """Cells have an identity too: two closures over one variable must stay two over one."""
        if id(cell) in self._numbers:
            return f"<cell {self._numbers[id(cell)]}>"
        self._numbers[id(cell)] = number = len(self._numbers)
        self._alive.append(cell)
        try:
            return {"@": f"{number} cell", "holds": self.describe(cell.cell_contents)}
        except ValueError:
            return {"@": f"{number} cell", "holds": "<nothing yet>"}

    def _items(self, obj: Any) -> dict[str, Any]:
        if isinstance(obj, dict):
            # The order of a dict is the order of properties in a message: it counts.
            return {"pairs": [[self.describe(key), self.describe(value)] for key, value in obj.items()]}
        if isinstance(obj, list | tuple | deque):
            return {"items": [self.describe(item) for item in obj]}
        if isinstance(obj, set | frozenset):
            return {"set": [self.describe(item) for item in sorted(obj, key=_sort_key)]}
        return {}

    def _attributes(self, obj: Any) -> dict[str, Any]:
        if isinstance(obj, dict | list | tuple | set) and not hasattr(obj, "__dict__"):
            return {}
        names = set(getattr(obj, "__dict__", ()))
        for cls in type(obj).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            names.update([slots] if isinstance(slots, str) else slots)
        names -= {"__weakref__", "__dict__"}
        return {name: self.describe(getattr(obj, name)) for name in sorted(names) if hasattr(obj, name)}


def _sort_key(obj: Any) -> tuple[str, Any]:
    """An order for sets which does not depend on addresses."""
    if isinstance(obj, BaseControl):
        return "control", obj._i
    return type(obj).__name__, obj if type(obj) in PLAIN else str(getattr(obj, "__qualname__", ""))


def _label(obj: Any) -> str:
    if isinstance(obj, BaseControl):
        return f"{type(obj).__name__}({obj._i})"
    return "nothing" if obj is None else type(obj).__name__
