"""Puts a node together: the composition root (layer 5: may import everything)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flet_cluster.bus.memory import MemoryBus
from flet_cluster.bus.redis import RedisBus
from flet_cluster.errors import SettingsError
from flet_cluster.host import app_threads, background, charts, entry, fast, lost, own_databases, sign_in
from flet_cluster.host.environment import HostEnvironment
from flet_cluster.host.fence import SignOfLife
from flet_cluster.host.lane import LanePool
from flet_cluster.host.loops import guard_loop
from flet_cluster.host.portable import flet_portables
from flet_cluster.host.threads import PageThreads
from flet_cluster.node.node import Node
from flet_cluster.protocol.limits import Limits
from flet_cluster.snapshot import CodeIndex, KeyRing
from flet_cluster.spans import NullTracer
from flet_cluster.stores.memory import MemoryStore
from flet_cluster.stores.redis import RedisStore
from flet_cluster.transport.relayed import serve_relayed

if TYPE_CHECKING:
    from flet_cluster.blobs.links import UploadLinks
    from flet_cluster.events import FaultPoints, Observer
    from flet_cluster.host.program import Program
    from flet_cluster.settings import Settings
    from flet_cluster.spans import Tracer


STORE_SECONDS = 5.0
"""How long one command to the store may be tried; never longer than output may wait for it."""
PAGE_THREADS = 1000
"""Threads for ``page.run_thread`` of all sessions of a node: they mostly sleep, and may never end."""


def tracer_for(settings: Settings) -> Tracer:
    """Return what traces the app's events: nothing, unless that is asked for.

    Raises:
        SettingsError: it is, and what is needed for that is not installed.
    """
    if not settings.traces:
        return NullTracer()
    try:
        from flet_cluster.tracing import open_telemetry  # noqa: PLC0415  it is large, and optional
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"FLET_CLUSTER_TRACES = true: traces need {error.name}, which is not installed: "
            'pip install "flet-cluster[otel]"'
        ) from error
    return open_telemetry(settings.app_name)


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
    host = _host_of(program, settings, observer, faults, uploads)
    keys = KeyRing(settings.key_ring())
    if settings.redis_url is None:  # alone: nobody to relay to
        return Node(settings, host.limits, MemoryStore(), MemoryBus(), host, keys)
    url, name = settings.redis_url.get_secret_value(), settings.app_name
    patience = min(STORE_SECONDS, settings.store_patience)

    def open_store() -> RedisStore:
        return RedisStore(url, name, patience=patience, observer=observer)

    bus = RedisBus(url, name, disturbed=host.life.doubt, observer=observer)
    node = Node(settings, host.limits, open_store(), bus, host, keys, open_store=open_store)
    node.relays.serve = serve_relayed
    return node


def _host_of(
    program: Program,
    settings: Settings,
    observer: Observer,
    faults: FaultPoints,
    uploads: UploadLinks | None,
) -> HostEnvironment:
    """Return what the app's sessions share here; from now on Flet and asyncio are fit to host them."""
    fast.install()
    background.install()
    app_threads.install()
    own_databases.install()
    sign_in.install()
    loop = asyncio.get_running_loop()
    guard_loop(loop)
    portables = flet_portables()
    lost.register(portables)
    entry.register(portables)
    charts.register(portables)
    return HostEnvironment(
        program=program,
        loop=loop,
        lanes=LanePool(loop, settings.lane_threads, observer),
        executor=PageThreads(PAGE_THREADS, observer),
        code=CodeIndex(program.is_app_module, program.modules.canonical),
        portables=portables,
        observer=observer,
        faults=faults,
        limits=Limits(max_frame=settings.max_frame_size),
        in_threads=settings.sync_handlers == "thread",
        uploads=uploads,
        life=SignOfLife(ttl=settings.heartbeat_timeout),
        oauth_seconds=settings.oauth_timeout,
        tracer=tracer_for(settings),
    )
