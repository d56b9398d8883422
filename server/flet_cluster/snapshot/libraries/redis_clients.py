"""Redis clients travel as how to connect (layer 1: standard library and siblings only)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer

_OF_THE_POOL = frozenset(
    {
        "event_dispatcher",
        "himport_registry",
        "maint_notifications_pool_handler",
        "oss_cluster_maint_notifications_handler",
        "orig_host_address",
        "orig_socket_timeout",
        "orig_socket_connect_timeout",
    }
)
"""What a pool adds to the options of its connections, and adds again."""
_UNSENT = "its commands were not sent; execute() the pipeline before the handler ends"


def _reduce_client(client: Any) -> Any:
    return _client, (type(client), client.connection_pool, client.auto_close_connection_pool)


def _client(cls: Any, pool: Any, closes_pool: bool) -> Any:
    """Make a client of a pool."""
    client = cls(connection_pool=pool)
    client.auto_close_connection_pool = closes_pool
    return client


def _reduce_pool(pool: Any) -> Any:
    options = {name: value for name, value in pool.connection_kwargs.items() if name not in _OF_THE_POOL}
    return _pool, (type(pool), pool.connection_class, pool.max_connections, options)


def _pool(cls: Any, connection_class: Any, max_connections: int, options: dict[str, Any]) -> Any:
    """Make a pool that has not connected yet."""
    return cls(connection_class=connection_class, max_connections=max_connections, **options)


def _reduce_sentinel_pool(pool: Any) -> Any:
    _, (cls, connection_class, max_connections, options) = _reduce_pool(pool)
    options.pop("connection_pool")  # the pool itself
    options |= {
        "connection_class": connection_class,
        "max_connections": max_connections,
        "is_master": pool.is_master,
        "check_connection": pool.check_connection,
    }
    return _sentinel_pool, (cls, pool.service_name, pool.sentinel_manager, options)


def _sentinel_pool(cls: Any, service_name: str, sentinel: Any, options: dict[str, Any]) -> Any:
    """Make a pool that asks Sentinel where to connect."""
    return cls(service_name, sentinel, **options)


def _refuse_pipeline(_pipeline: Any) -> Any:
    raise NotPortable("", _UNSENT)


TYPES: dict[str, Reducer] = {
    "redis.client.Redis": _reduce_client,
    "redis.client.Pipeline": _refuse_pipeline,
    "redis.connection.ConnectionPool": _reduce_pool,
    "redis.sentinel.SentinelConnectionPool": _reduce_sentinel_pool,
    "redis.asyncio.sentinel.SentinelConnectionPool": _reduce_sentinel_pool,
    "redis.asyncio.client.Redis": _reduce_client,
    "redis.asyncio.client.Pipeline": _refuse_pipeline,
    "redis.asyncio.connection.ConnectionPool": _reduce_pool,
}
"""Reducers by the name of a type."""
