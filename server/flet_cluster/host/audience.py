"""Who hears the messages of a session that began with a ``main`` of its own (layer 3; imports no Flet).

Flet has a pub/sub hub for each ``main``: what was made for one tenant never reaches another one's sessions.
Here all that were made by the same code are one app, so sessions are told apart by what their ``main`` holds:
the same plain values, or things with a name in the app's modules, mean the same on every node. Where it holds
anything else, a session hears itself only, as in Flet with a ``main`` for each request.
"""

from __future__ import annotations

import functools
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable
from flet_cluster.snapshot import digest, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flet_cluster.snapshot import CodeIndex, Portables

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_MOST = 1000
"""How many values are looked at, cycles included; whoever holds more has a session for itself."""


def audience_of(main: Any, code: CodeIndex, portables: Portables) -> str | None:
    """Return a short text that is the same for all callables that hold the same; None if that cannot be told.

    Args:
        main: a function, partial, method or callable object.
        code: the app's code.
        portables: how its objects travel.
    """
    parts: list[str] = []
    pending: list[Any] = [main]
    while pending:
        value = pending.pop()
        if len(parts) >= _MOST:
            return None
        if type(value) in _PLAIN:
            parts.append(f"{type(value).__name__} {value!r}")
            continue
        name = name_of(value, code, portables)
        if name is not None:
            parts.append(f"name {name}")
            continue
        try:
            mark, *held = _parts(value, code)
        except (NotPortable, ValueError):
            return None
        parts.append(f"{mark} {len(held)}")
        pending.extend(held)
    return digest(*parts)


def _parts(value: Any, code: CodeIndex) -> Iterator[Any]:
    """Yield what kind of thing a value is, and what it holds.

    Raises:
        NotPortable: nobody can tell what it means elsewhere.
        ValueError: a variable that it closed over has no value yet.
    """
    if isinstance(value, FunctionType):
        yield f"function {code.reference(value)}"
        yield from (cell.cell_contents for cell in value.__closure__ or ())
        yield from (value.__defaults__, value.__kwdefaults__, vars(value))
    elif isinstance(value, MethodType):
        yield from ("method", value.__func__, value.__self__)
    elif isinstance(value, functools.partial):
        yield from ("partial", value.func, value.args, value.keywords)
    elif type(value) in (list, tuple):
        yield from (type(value).__name__, *value)
    elif type(value) is dict:
        yield from ("dict", *value, *value.values())
    elif isinstance(value, type | ModuleType):
        yield f"{type(value).__name__} {getattr(value, '__module__', '')}:{value.__name__}"
    else:
        raise NotPortable("", "it may mean something else on another node")
