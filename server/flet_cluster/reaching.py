"""Says why the cluster's Redis cannot be used, in an operator's words (layer 5: loads no Flet and no app)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flet_cluster.errors import BusUnavailable, ClusterError, StoreError, StoreUnavailable
from flet_cluster.stores.trouble import is_from_redis, trouble_of

if TYPE_CHECKING:
    from flet_cluster.settings import Settings


def why_not_started(error: Exception, settings: Settings) -> tuple[str, bool]:
    """Return what the operator should read, and whether it will be the same the next time.

    Empty for what is not the environment's fault: its traceback says more.
    """
    place = f"The Redis at {place_of(settings)} (--redis-url, FLET_CLUSTER_REDIS_URL)"
    trouble = trouble_of(error)
    if trouble is not None:
        return f"{place} {trouble.sentence}", trouble.final
    if isinstance(error, StoreUnavailable | BusUnavailable):
        tls = settings.redis_url is not None and settings.redis_url.get_secret_value().startswith("rediss")
        question = "is the address right, and does it speak TLS" if tls else "and is the address right"
        return f"{place} does not answer. Is it running, {question}?\n{error}", False
    if isinstance(error, StoreError) or is_from_redis(error):
        return f"{place} cannot be used. Is it Redis 7.0, Valkey 7.2 or newer?\n{error}", False
    return (str(error), True) if isinstance(error, ClusterError) else ("", False)


def place_of(settings: Settings) -> str:
    """Return where the cluster's Redis is, without the user and password that its URL may hold."""
    parts = urlsplit(settings.redis_url.get_secret_value() if settings.redis_url else "")
    return parts.netloc.rpartition("@")[2] or parts.path
