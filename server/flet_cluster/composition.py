"""Puts a node together: the composition root (layer 5: may import everything)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flet_cluster.bus.memory import MemoryBus
from flet_cluster.bus.redis import RedisBus
from flet_cluster.errors import BusUnavailable, ClusterError, StoreError, StoreUnavailable
from flet_cluster.host import app_threads, background, entry, fast, lost, sign_in
from flet_cluster.host.environment import HostEnvironment
from flet_cluster.host.fence import SignOfLife
from flet_cluster.host.lane import LanePool
from flet_cluster.host.loops import guard_loop
from flet_cluster.host.portable import flet_portables
from flet_cluster.host.threads import PageThreads
from flet_cluster.node.node import Node
from flet_cluster.protocol.limits import Limits
from flet_cluster.snapshot import CodeIndex, KeyRing
from flet_cluster.stores.memory import MemoryStore
from flet_cluster.stores.redis import RedisStore
from flet_cluster.stores.trouble import is_from_redis, trouble_of
from flet_cluster.transport.relayed import serve_relayed

if TYPE_CHECKING:
    from flet_cluster.blobs.links import UploadLinks
    from flet_cluster.events import FaultPoints, Observer
    from flet_cluster.host.program import Program
    from flet_cluster.settings import Settings


STORE_SECONDS = 5.0
"""How long one command to the store may be tried; never longer than output may wait for it."""
PAGE_THREADS = 1000
"""Threads for ``page.run_thread`` of all sessions of a node: they mostly sleep, and may never end."""


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


def build_node(
    program: Program,
    settings: Settings,
    observer: Observer,
    faults: FaultPoints,
    uploads: UploadLinks | None = None,
) -> Node:
    """Return a node for this process and the running loop, not started yet.

    Args:
        program: the app.
        settings: all options, with a secret key and an app name.
        observer: receives counts and measurements.
        faults: named places where a test may interfere.
        uploads: makes the URLs of ``page.get_upload_url``; None if the app keeps no uploads.
    """
    fast.install()
    background.install()
    app_threads.install()
    sign_in.install()
    loop = asyncio.get_running_loop()
    guard_loop(loop)
    portables = flet_portables()
    lost.register(portables)
    entry.register(portables)
    limits = Limits(max_frame=settings.max_frame_size, handshake_seconds=settings.handshake_timeout)
    host = HostEnvironment(
        program=program,
        loop=loop,
        lanes=LanePool(loop, settings.lane_threads, observer),
        executor=PageThreads(PAGE_THREADS, observer),
        code=CodeIndex(program.is_app_module, program.modules.canonical),
        portables=portables,
        observer=observer,
        faults=faults,
        limits=limits,
        in_threads=settings.sync_handlers == "thread",
        uploads=uploads,
        life=SignOfLife(ttl=settings.heartbeat_timeout),
        oauth_seconds=settings.oauth_timeout,
    )
    keys = KeyRing(settings.key_ring())
    if settings.redis_url is None:
        return Node(settings, limits, MemoryStore(), MemoryBus(), host, keys)  # alone: nobody to relay to
    url, name = settings.redis_url.get_secret_value(), settings.app_name
    patience = min(STORE_SECONDS, settings.store_patience)

    def open_store() -> RedisStore:
        return RedisStore(url, name, patience=patience, observer=observer)

    bus = RedisBus(url, name, disturbed=host.life.doubt, observer=observer)
    node = Node(settings, limits, open_store(), bus, host, keys, open_store=open_store)
    node.relays.serve = serve_relayed
    return node
