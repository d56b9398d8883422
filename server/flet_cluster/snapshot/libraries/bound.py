"""What ends with the object or the process that holds it (layer 1: standard library and siblings only).

Most of these would be pickled without a word, and be something else on the next node, or nothing at all: a
temporary folder is removed as soon as its object leaves this node's memory.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer

_TEMPORARY = (
    "it is removed with this object, and no other node has it; use a folder that all nodes share, or "
    "flet_cluster.resource(lambda: …)"
)
_PROCESS = (
    "its process runs on this node only; wait for it before the handler ends, or use "
    "flet_cluster.resource(lambda: …)"
)
_DATABASE = (
    "it is a connection to a database; connect where it is needed (with engine.connect() as connection: …), "
    "or use flet_cluster.resource(lambda: engine.connect())"
)


def _reduce_temporary_folder(folder: Any) -> Any:
    if folder._finalizer.alive:  # noqa: SLF001 - nothing public tells
        raise NotPortable("", _TEMPORARY)
    return NotImplemented


def _reduce_temporary_file(wrapper: Any) -> Any:
    if not wrapper.file.closed:
        raise NotPortable("", _TEMPORARY)
    return _closed_temporary_file, (wrapper.file, wrapper.name)


def _closed_temporary_file(file: Any, name: str) -> Any:
    """Return a temporary file that was closed."""
    return sys.modules["tempfile"]._TemporaryFileWrapper(file, name, False)  # noqa: SLF001 - no public one


def _reduce_subprocess(process: Any) -> Any:
    if process.returncode is None:
        raise NotPortable("", _PROCESS)
    return NotImplemented


def _reduce_connection(connection: Any) -> Any:
    if not connection.closed:
        raise NotPortable("", _DATABASE)
    return NotImplemented


def _refuse_async_connection(_: Any) -> Any:
    raise NotPortable("", _DATABASE)


TYPES: dict[str, Reducer] = {
    "tempfile.TemporaryDirectory": _reduce_temporary_folder,
    "tempfile._TemporaryFileWrapper": _reduce_temporary_file,
    "subprocess.Popen": _reduce_subprocess,
    "sqlalchemy.engine.base.Connection": _reduce_connection,
    "sqlalchemy.ext.asyncio.engine.AsyncConnection": _refuse_async_connection,
}
"""Reducers by the name of a type."""
