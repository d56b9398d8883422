"""sqlite3 connections to files travel as file and settings, cursors with them (layer 1: standard library).

They are opened anew, and never create a file: one that is not there means that the nodes share no folder,
and an empty database in its place would be worse than an error.
"""

from __future__ import annotations

import gc
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer

_MEMORY = (
    "its database is in this process's memory and ends with it; use a file, or keep it in a module's "
    "global if each node may have its own"
)
_THREAD = (
    "it belongs to the thread that made it; connect with check_same_thread=False, since handlers run in any "
    "thread, or use flet_cluster.resource(lambda: sqlite3.connect(…))"
)
_SETTINGS = ("isolation_level", "row_factory", "text_factory", "autocommit")
_UNREAD = (
    "its last query has rows that were not fetched, and they would be lost; fetch all of them (fetchall) or "
    "close the cursor before the handler ends"
)
_STATEMENT = "Statement"
"""What a cursor refers to while a query has rows left: of all it knows only the garbage collector tells."""
_PRAGMAS = ("busy_timeout", "foreign_keys")


def _reduce_connection(connection: sqlite3.Connection) -> Any:
    try:
        databases = {row[1]: row[2] for row in _ask(connection, "database_list")}
        pragmas = {name: _ask(connection, name)[0][0] for name in _PRAGMAS}
    except sqlite3.ProgrammingError as error:
        reason = _THREAD if "thread" in str(error) else "it is closed; drop it"
        raise NotPortable("", reason) from error
    if not databases["main"]:
        raise NotPortable("", _MEMORY)
    if databases.keys() - {"main", "temp"}:
        raise NotPortable("", "it has other databases attached; use flet_cluster.resource(connect)")
    if connection.in_transaction:
        raise NotPortable("", "it is in a transaction; commit or roll back before the handler ends")
    settings = {name: getattr(connection, name) for name in _SETTINGS if hasattr(connection, name)}
    return _connect, (type(connection), databases["main"], pragmas), settings, None, None, _set


def _ask(connection: sqlite3.Connection, pragma: str) -> list[tuple[Any, ...]]:
    """Read a pragma, whatever the app makes of rows."""
    cursor = sqlite3.Cursor(connection)
    cursor.row_factory = None
    rows: list[tuple[Any, ...]] = cursor.execute(f"PRAGMA {pragma}").fetchall()
    cursor.close()
    return rows


def _connect(cls: type[sqlite3.Connection], path: str, pragmas: dict[str, int]) -> sqlite3.Connection:
    """Open the file of a connection."""
    try:
        connection = sqlite3.connect(
            f"{Path(path).as_uri()}?mode=rw", uri=True, check_same_thread=False, factory=cls
        )
    except sqlite3.OperationalError as error:
        raise FileNotFoundError(f"the database {path} is not on this node: {error}") from error
    for name, value in pragmas.items():
        connection.execute(f"PRAGMA {name} = {int(value)}").close()
    return connection


def _set(made: sqlite3.Connection | sqlite3.Cursor, settings: dict[str, Any]) -> None:
    """Give a connection or a cursor what the app has set on it."""
    for name, value in settings.items():
        setattr(made, name, value)


def _reduce_cursor(cursor: sqlite3.Cursor) -> Any:
    """A cursor is its connection's next one, if it is not in the middle of a query."""
    if cursor.description is not None and any(
        type(part).__name__ == _STATEMENT for part in gc.get_referents(cursor)
    ):
        raise NotPortable("", _UNREAD)
    settings = {"row_factory": cursor.row_factory, "arraysize": cursor.arraysize}
    return type(cursor), (cursor.connection,), settings, None, None, _set


def _reduce_row(row: sqlite3.Row) -> Any:
    return _row, (tuple(row.keys()), tuple(row))


def _row(names: tuple[str, ...], values: tuple[Any, ...]) -> sqlite3.Row:
    """Make a row: only a query can."""
    columns = ", ".join('? as "{}"'.format(name.replace('"', '""')) for name in names)
    memory = sqlite3.connect(":memory:")
    memory.row_factory = sqlite3.Row
    try:
        row: sqlite3.Row = memory.execute(f"SELECT {columns}", values).fetchone()
    finally:
        memory.close()
    return row


TYPES: dict[str, Reducer] = {
    "sqlite3.Connection": _reduce_connection,
    "sqlite3.Cursor": _reduce_cursor,
    "sqlite3.Row": _reduce_row,
}
"""Reducers by the name of a type."""
