"""sqlite3 connections that a session opens are bound to it, not to a thread (layer 3; imports no Flet).

An app that connects in ``main``, without a thought of threads, works in stock Flet, where sync handlers share
one. Here they run in whatever thread is free: sqlite3 would refuse the connection now and then, and nobody
could write it down. Its handlers do not run at the same time, so they may all use it. Another session's may
not, as before: that would mix what two users do, and the error says so.
"""

from __future__ import annotations

import sqlite3
import sys
import weakref
from typing import TYPE_CHECKING, Any, cast

from flet_cluster.host.app_work import here

if TYPE_CHECKING:
    from flet_cluster.host.app_work import AppWork

_CHECK_POSITION = 4
"""``check_same_thread`` among the positional arguments of ``connect``; ``factory`` comes after it."""
_NOT_YOURS = (
    "another user's session opened it: SQLite objects can only be used in that same thread, here in that "
    "session, unless they are opened with check_same_thread=False"
)


class OwnCursor(sqlite3.Cursor):
    """A cursor of a session's own connection."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """See ``sqlite3.Cursor.execute``."""
        _check(self.connection)
        return super().execute(*args, **kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> Any:
        """See ``sqlite3.Cursor.executemany``."""
        _check(self.connection)
        return super().executemany(*args, **kwargs)

    def executescript(self, *args: Any, **kwargs: Any) -> Any:
        """See ``sqlite3.Cursor.executescript``."""
        _check(self.connection)
        return super().executescript(*args, **kwargs)


class OwnConnection(sqlite3.Connection):
    """A connection of one session: of the first whose code uses it here, where it may have been rebuilt."""

    _owner: weakref.ref[AppWork] | None = None

    def cursor(self, factory: Any = OwnCursor) -> Any:
        """See ``sqlite3.Connection.cursor``; ``execute`` of a connection asks for one as well."""
        _check(self)
        return super().cursor(factory)

    def commit(self) -> None:
        """See ``sqlite3.Connection.commit``."""
        _check(self)
        super().commit()

    def rollback(self) -> None:
        """See ``sqlite3.Connection.rollback``."""
        _check(self)
        super().rollback()


def _check(connection: Any) -> None:
    """Have a connection belong to the session whose code runs, if to none that is there.

    Raises:
        sqlite3.ProgrammingError: it belongs to another.
    """
    work = here()
    owner = connection._owner and connection._owner()  # noqa: SLF001 - our own
    if work is None or owner is work:
        return
    if owner is not None:
        raise sqlite3.ProgrammingError(_NOT_YOURS)
    connection._owner = weakref.ref(work)  # noqa: SLF001 - the same


def install() -> None:
    """Let ``sqlite3.connect`` see to it, for sessions whose handlers run in several threads. Idempotent."""
    stock: Any = sqlite3.connect
    if getattr(stock, "_flet_cluster", False):
        return

    def connect(*args: Any, **kwargs: Any) -> Any:
        """Open a database; see ``sqlite3.connect``."""
        work = here()
        decided = len(args) > _CHECK_POSITION or kwargs.keys() & {"check_same_thread", "factory"}
        caller = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001
        if work is None or decided or not (work.threaded and work.is_app(caller)):
            return stock(*args, **kwargs)
        opened = stock(*args, check_same_thread=False, factory=OwnConnection, **kwargs)
        _check(opened)
        return opened

    connect._flet_cluster = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own mark
    for module in (sqlite3, sqlite3.dbapi2):
        cast("Any", module).connect = connect
