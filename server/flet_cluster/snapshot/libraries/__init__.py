"""How what Flet apps commonly hold travels (layer 1: standard library and siblings only).

None of these libraries is imported here: who has an object of one has imported it. Types are known by name,
and looked up once for each type that is met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flet_cluster.snapshot.libraries import (
    bound,
    figures,
    fonts,
    http_clients,
    open_files,
    redis_clients,
    sql_engines,
    sqlite,
)

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer

_TYPES: dict[str, Reducer] = {
    **bound.TYPES,
    **figures.TYPES,
    **fonts.TYPES,
    **http_clients.TYPES,
    **open_files.TYPES,
    **redis_clients.TYPES,
    **sql_engines.TYPES,
    **sqlite.TYPES,
}


def reducer_for(cls: type) -> Reducer | None:
    """Return the reducer for instances of a library's type or of an app's subclass of it."""
    for base in cls.__mro__:
        found = _TYPES.get(f"{base.__module__}.{base.__qualname__}")
        if found is not None:
            return found
    return None
