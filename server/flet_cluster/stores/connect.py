"""From a URL to a Redis client (layer 2: with its siblings and ``bus`` the only place that imports redis).

``redis://host:port/db``, ``rediss://`` (TLS), ``unix:///path``; a cluster is ``redis+cluster://host:port``,
``rediss+cluster://`` or any URL with ``?cluster=true``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import (
    AskError,
    ClusterDownError,
    DataError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

from flet_cluster.errors import SettingsError
from flet_cluster.stores.trouble import trouble_of

Client = Redis | RedisCluster

SCHEMES = ("redis", "rediss", "unix")

TRANSIENT = (
    ReadOnlyError,
    ClusterDownError,
    TryAgainError,
    AskError,  # MovedError is one of these
    OutOfMemoryError,
)
"""Error replies that may go away by themselves: a failover, a slot on the move, memory that is freed."""

TRANSIENT_REPLIES = ("LOADING", "MISCONF", "NOREPLICAS", "MASTERDOWN", "OOM", "READONLY", "CLUSTERDOWN")
"""Beginnings of error replies of the same sort, as scripts pass them on."""


def backoff() -> ExponentialWithJitterBackoff:
    """Return how long to wait between attempts: some milliseconds first, at most half a second."""
    return ExponentialWithJitterBackoff(base=0.01, cap=0.5)


def is_transient(error: BaseException) -> bool:
    """Whether repeating the command may help: always, unless the server itself says that it is wrong.

    A refused password counts as that, although redis-py takes it for a broken connection.
    """
    trouble = trouble_of(error)
    if trouble is not None and trouble.final:
        return False
    if isinstance(error, TRANSIENT) or not isinstance(error, (ResponseError, DataError)):
        return True
    return str(error).startswith(TRANSIENT_REPLIES)


def parse_url(url: str) -> tuple[str, bool]:
    """Split a URL into one that redis-py understands and whether it names a cluster.

    Raises:
        SettingsError: the scheme is not one of Redis.
    """
    parts = urlsplit(url)
    scheme, _, suffix = parts.scheme.partition("+")
    query = dict(parse_qsl(parts.query))
    flag = query.pop("cluster", "false").lower() in ("1", "true", "yes")
    if scheme not in SCHEMES or suffix not in ("", "cluster") or (scheme == "unix" and (flag or suffix)):
        raise SettingsError(
            f"store URL with scheme {parts.scheme!r} is not known: "
            "use redis://, rediss://, unix://, redis+cluster:// or rediss+cluster://",
        )
    plain = urlunsplit((scheme, parts.netloc, parts.path, urlencode(query), ""))
    if scheme == "unix" and not parts.netloc:
        plain = plain.replace("unix:/", "unix:///", 1) if not plain.startswith("unix:///") else plain
    return plain, bool(flag or suffix)


def connect(url: str, *, socket_timeout: float) -> Client:
    """Make a client; nothing is sent yet. It does not retry by itself: its callers do, within their patience.

    RESP2 is fixed: replies then look the same on every server this package supports.

    Args:
        url: as :func:`parse_url` takes it.
        socket_timeout: seconds to connect, and to wait for an answer.

    Raises:
        SettingsError: the URL is wrong.
    """
    plain, cluster = parse_url(url)
    try:
        return _client(plain, socket_timeout, cluster=cluster)
    except (TypeError, ValueError) as error:  # of an option after the question mark
        raise SettingsError(f"an option of the store's URL is wrong: {error}") from error


def _client(plain: str, socket_timeout: float, *, cluster: bool) -> Client:
    options: dict[str, Any] = {
        "protocol": 2,
        "socket_timeout": socket_timeout,
        "socket_connect_timeout": socket_timeout,
    }
    if cluster:
        # Slots that nobody serves stop their own sessions, not all.
        options["require_full_coverage"] = False
        return RedisCluster.from_url(plain, retry=Retry(backoff(), 1), **options)
    return Redis.from_url(plain, retry=Retry(NoBackoff(), 0), **options)


__all__ = ["Client", "RedisCluster", "backoff", "connect", "is_transient", "parse_url"]
