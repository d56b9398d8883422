"""SQLAlchemy's engines travel as URL and options, its sessions as how they were made (layer 1: as siblings).

The URL holds the password, and the snapshot is sealed. What cannot be read back from an engine (a
``creator``, the app's event listeners) is an obstacle, since an engine without it would be another one.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer

_MEMORY = (
    "its SQLite database is in this process's memory and ends with it; use a file, or keep the engine in a "
    "module's global if each node may have its own"
)
_HAND_MADE = (
    "it was made with {}, which cannot be read back; use flet_cluster.resource(lambda: create_engine(…))"
)
_OPEN = "it is in a transaction or has unsaved objects; commit, roll back or close it before the handler ends"
_DYNAMIC = frozenset({"sqlalchemy.orm.session", "sqlalchemy.ext.asyncio.session"})
"""Where session makers make classes of their own, which no name leads to."""


def _reduce_engine(engine: Any) -> Any:
    parent = getattr(engine, "_proxied", None)
    if parent is not None:  # engine.execution_options(…): another look at the same pool
        return _with_options, (parent, dict(engine.get_execution_options()))
    _refuse_memory(engine)
    _refuse_listeners(engine)
    options = {
        "connect_args": _connect_args(engine),
        "echo": engine.echo,
        "hide_parameters": engine.hide_parameters,
        "execution_options": dict(engine.get_execution_options()),
        **_pool_options(engine.pool),
        **_dialect_options(engine.dialect),
    }
    return _engine, (engine.url, engine.dialect.is_async, options)


def _refuse_memory(engine: Any) -> None:
    database = engine.url.database
    if engine.dialect.name == "sqlite" and (
        not database or ":memory:" in database or "mode=memory" in database
    ):
        raise NotPortable("", _MEMORY)


def _refuse_listeners(engine: Any) -> None:
    """What an app listens for (``PRAGMA foreign_keys``) must not be missing on the next node."""
    for target in (engine, engine.pool, engine.dialect):
        for descriptor in target.dispatch._event_descriptors:  # noqa: SLF001 - nothing public tells
            for listener in getattr(descriptor, "listeners", ()):
                if not str(getattr(listener, "__module__", "")).startswith("sqlalchemy."):
                    raise NotPortable("", _HAND_MADE.format("an event listener of its own"))


def _connect_args(engine: Any) -> dict[str, Any]:
    """Return what was given to ``create_engine`` as ``connect_args``."""
    creator = engine.pool._creator  # noqa: SLF001 - nothing public tells
    if getattr(creator, "__qualname__", "") != "create_engine.<locals>.connect":
        raise NotPortable("", _HAND_MADE.format("a creator"))
    given = inspect.getclosurevars(creator).nonlocals["cparams"]
    usual = engine.dialect.create_connect_args(engine.url)[1]
    return {name: value for name, value in given.items() if name not in usual or usual[name] != value}


def _pool_options(pool: Any) -> dict[str, Any]:
    """Read the options of a pool."""
    options: dict[str, Any] = {
        "poolclass": type(pool),
        "pool_recycle": pool._recycle,  # noqa: SLF001 - nothing public tells
        "pool_pre_ping": pool._pre_ping,  # noqa: SLF001
    }
    if hasattr(pool, "_max_overflow"):
        options["pool_size"] = pool.size()
        options["max_overflow"] = pool._max_overflow  # noqa: SLF001
        options["pool_timeout"] = pool._timeout  # noqa: SLF001
        options["pool_use_lifo"] = pool._pool.use_lifo  # noqa: SLF001
    return options


def _dialect_options(dialect: Any) -> dict[str, Any]:
    """Read the options of a dialect that were given to the engine."""
    found = {
        "isolation_level": getattr(dialect, "_on_connect_isolation_level", None),
        "json_serializer": getattr(dialect, "_json_serializer", None),
        "json_deserializer": getattr(dialect, "_json_deserializer", None),
    }
    return {name: value for name, value in found.items() if value is not None}


def _engine(url: Any, is_async: bool, options: dict[str, Any]) -> Any:
    """Make an engine that has not connected yet."""
    if is_async:
        return sys.modules["sqlalchemy.ext.asyncio"].create_async_engine(url, **options).sync_engine
    return sys.modules["sqlalchemy"].create_engine(url, **options)


def _with_options(engine: Any, options: dict[str, Any]) -> Any:
    """Return an engine with other options and the same pool."""
    return engine.execution_options(**options)


def _reduce_async_engine(engine: Any) -> Any:
    return type(engine), (engine.sync_engine,)


def _named(cls: Any) -> Any:
    """Return the class that a session maker has made its own from."""
    while cls.__module__ in _DYNAMIC and getattr(sys.modules[cls.__module__], cls.__name__, None) is not cls:
        cls = cls.__bases__[0]
    return cls


def _reduce_maker(maker: Any) -> Any:
    return _maker, (type(maker), _named(maker.class_), dict(maker.kw))


def _maker(cls: Any, session_class: Any, options: dict[str, Any]) -> Any:
    """Make a session maker."""
    return cls(class_=session_class, **options)


def _reduce_session(session: Any) -> Any:
    if getattr(session, "_Session__binds", None):
        raise NotPortable("", _HAND_MADE.format("several binds"))
    if session.in_transaction() or session.new or session.dirty or session.deleted:
        raise NotPortable("", _OPEN)
    options = {
        "bind": session.bind,
        "autoflush": session.autoflush,
        "expire_on_commit": session.expire_on_commit,
        "autobegin": session.autobegin,
        "twophase": session.twophase,
        "info": dict(session.info),
        "join_transaction_mode": session.join_transaction_mode,
    }
    cls = _named(type(session))
    return _session, (cls, options), list(session.identity_map.values()), None, None, _rejoin


def _session(cls: Any, options: dict[str, Any]) -> Any:
    """Make a session that has not begun."""
    return cls(**options)


def _rejoin(session: Any, objects: list[Any]) -> None:
    """Give a session the objects it had loaded, as far as the app still holds them.

    That takes a transaction. It is closed, which touches neither objects nor database, since a session that
    is in one could not travel on (``commit`` would expire the objects, ``rollback`` drop what was added).
    """
    inner = getattr(session, "sync_session", session)
    transaction = inner.begin()
    inner.add_all(objects)
    transaction.close()


def _reduce_async_session(session: Any) -> Any:
    inner = session.sync_session
    options = dict(_reduce_session(inner)[1][1])
    options["bind"] = session.bind
    if session.sync_session_class is not type(session).sync_session_class:
        options["sync_session_class"] = session.sync_session_class
    return _session, (_named(type(session)), options), list(inner.identity_map.values()), None, None, _rejoin


def _reduce_scoped(scoped: Any) -> Any:
    return type(scoped), (scoped.session_factory, getattr(scoped.registry, "scopefunc", None))


TYPES: dict[str, Reducer] = {
    "sqlalchemy.engine.base.Engine": _reduce_engine,
    "sqlalchemy.ext.asyncio.engine.AsyncEngine": _reduce_async_engine,
    "sqlalchemy.orm.session.sessionmaker": _reduce_maker,
    "sqlalchemy.ext.asyncio.session.async_sessionmaker": _reduce_maker,
    "sqlalchemy.orm.session.Session": _reduce_session,
    "sqlalchemy.ext.asyncio.session.AsyncSession": _reduce_async_session,
    "sqlalchemy.orm.scoping.scoped_session": _reduce_scoped,
}
"""Reducers by the name of a type."""
