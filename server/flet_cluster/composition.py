"""Puts a node together: the composition root (layer 5: may import everything)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import FastAPI, WebSocket
from starlette.routing import BaseRoute, Route

from flet_cluster.blobs.links import UploadLinks
from flet_cluster.blobs.local import local_blobs
from flet_cluster.blobs.signing import UploadSigner
from flet_cluster.bus.memory import MemoryBus
from flet_cluster.bus.redis import RedisBus
from flet_cluster.errors import BusUnavailable, ClusterError, SettingsError, StoreError, StoreUnavailable
from flet_cluster.events import FaultPoints, Observer
from flet_cluster.host import background, fast, lost, sign_in
from flet_cluster.host.environment import HostEnvironment
from flet_cluster.host.lane import LanePool
from flet_cluster.host.loops import guard_loop
from flet_cluster.host.portable import flet_portables
from flet_cluster.host.program import Program, program_of
from flet_cluster.host.threads import PageThreads
from flet_cluster.http.cookie import BindingCookie
from flet_cluster.http.health import health_routes
from flet_cluster.http.index import WebOptions
from flet_cluster.http.oauth import OAuthEndpoint
from flet_cluster.http.static import WebClient
from flet_cluster.http.uploads import UploadEndpoint, UploadRoute
from flet_cluster.metrics import PrometheusObserver, metrics_route
from flet_cluster.node.node import Node
from flet_cluster.protocol.limits import Limits
from flet_cluster.serving import warn_of_unknown_variables
from flet_cluster.settings import Settings
from flet_cluster.snapshot import CodeIndex, KeyRing
from flet_cluster.stores.memory import MemoryStore
from flet_cluster.stores.redis import RedisStore
from flet_cluster.stores.trouble import is_from_redis, trouble_of
from flet_cluster.transport import endpoint
from flet_cluster.transport.binding import BrowserCookie

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


STORE_SECONDS = 5.0
"""How long one command to the store may be tried; never longer than output may wait for it."""
PAGE_THREADS = 1000
"""Threads for ``page.run_thread`` of all sessions of a node: they mostly sleep, and may never end."""


def app(main: Callable[..., Any], **arguments: Any) -> FastAPI:
    """Return a Flet app as a FastAPI application that is a node of a cluster.

    Args:
        main: the app's ``main(page)``.
        arguments: arguments of ``ft.run``, and any field of :class:`flet_cluster.settings.Settings`;
            the environment wins over them.

    Raises:
        SettingsError: the settings do not fit together; the message says what to do.
        ProgramError: ``main`` is not defined in a module that other nodes can import.
    """
    program = program_of(main, **arguments)
    fields = {name: value for name, value in arguments.items() if name in Settings.model_fields}
    settings = Settings.load({}, {**program.settings(), **fields})
    if settings.workers > 1:
        raise SettingsError("flet_cluster.app() is one node; start several processes with your ASGI server.")
    warn_of_unknown_variables()
    name = settings.app_name or program.name
    return create_app(program, settings.with_secret_key().with_values(app_name=name))


def create_app(
    program: Program,
    settings: Settings,
    *,
    faults: FaultPoints | None = None,
    observer: Observer | None = None,
) -> FastAPI:
    """Return the application of one node. It connects when its lifespan starts.

    Args:
        program: the app.
        settings: all options, with a secret key and an app name.
        faults: named places where a test may interfere.
        observer: receives counts and measurements; Prometheus metrics by default.
    """
    observer = observer or PrometheusObserver()
    holder: dict[str, Node] = {}

    @contextlib.asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        """Start the node before the port opens; leave when the server stops."""
        try:
            if settings.upload_dir is not None:
                await local_blobs(settings.upload_dir).start()
            node = build_node(program, settings, observer, faults or FaultPoints())
            await node.start()
        except Exception as error:
            told = why_not_started(error, settings)
            application.state.start_error, application.state.start_refused = told
            raise
        holder["node"] = application.state.node = node
        try:
            yield
        finally:
            await node.stop()

    async def drain() -> None:
        """Let all sessions go; the server calls this before it closes the sockets."""
        if "node" in holder:
            await holder["node"].drain()

    application = FastAPI(lifespan=lifespan, openapi_url=None)
    application.state.drain = drain
    application.state.observer = observer
    base = f"/{settings.app_path}" if settings.app_path else ""

    @application.websocket(f"{base}/{settings.websocket_endpoint}")
    async def socket(websocket: WebSocket) -> None:
        """Serve one client."""
        await endpoint.serve(holder["node"], websocket)

    def ready() -> str:
        """Say why this node may not get new sessions, if so; it does not flap with Redis."""
        if "node" not in holder:
            return "starting"
        return "draining" if holder["node"].draining else ""

    application.router.routes.extend(health_routes(lambda: "", ready))
    if settings.metrics and isinstance(observer, PrometheusObserver):
        application.router.routes.append(metrics_route(observer))
    application.router.routes.extend(side_doors(settings, base, lambda: holder["node"]))
    client = WebClient(web_options(settings), settings.assets_dir)
    application.mount(base or "/", BindingCookie(client, BrowserCookie.of(settings)))
    return application


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


def web_options(settings: Settings) -> WebOptions:
    """Return what the page has to know."""
    return WebOptions(
        websocket_path=settings.websocket_endpoint,
        renderer=settings.web_renderer,
        route_strategy=settings.route_url_strategy,
        no_cdn=settings.no_cdn,
    )


def side_doors(settings: Settings, base: str, node: Callable[[], Node]) -> list[BaseRoute]:
    """Return the routes of what comes in beside the socket: answers of identity providers, and uploads.

    Args:
        settings: say where they are.
        base: path of the app, with a leading slash; "" for the root.
        node: returns the node, once it has started.
    """
    routes: list[BaseRoute] = [Route(f"{base}/{settings.oauth_callback_endpoint}", OAuthEndpoint(node))]
    if settings.upload_dir is not None:
        blobs, endpoint = local_blobs(settings.upload_dir), settings.upload_endpoint
        uploads = UploadEndpoint(blobs, upload_signer(settings), settings.max_upload_size, endpoint)
        routes.append(UploadRoute(f"{base}/{endpoint}", uploads))
    return routes


def upload_signer(settings: Settings) -> UploadSigner:
    """Return what signs and verifies the URLs of uploads: the same on all nodes."""
    return UploadSigner(settings.key_ring(), settings.app_name)


def upload_links(settings: Settings) -> UploadLinks | None:
    """Return what makes the URLs of uploads; None if the app keeps none."""
    if settings.upload_dir is None:
        return None
    blobs, endpoint = local_blobs(settings.upload_dir), settings.upload_endpoint
    return UploadLinks(blobs, upload_signer(settings), endpoint, limit=settings.max_upload_size)


def build_node(program: Program, settings: Settings, observer: Observer, faults: FaultPoints) -> Node:
    """Return a node for this process and the running loop, not started yet."""
    fast.install()
    background.install()
    sign_in.install()
    loop = asyncio.get_running_loop()
    guard_loop(loop)
    portables = flet_portables()
    lost.register(portables)
    limits = Limits(max_frame=settings.max_frame_size, handshake_seconds=settings.handshake_timeout)
    host = HostEnvironment(
        program=program,
        loop=loop,
        lanes=LanePool(loop, settings.lane_threads),
        executor=PageThreads(PAGE_THREADS, observer),
        code=CodeIndex(program.is_app_module, program.modules.canonical),
        portables=portables,
        observer=observer,
        faults=faults,
        limits=limits,
        uploads=upload_links(settings),
    )
    keys = KeyRing(settings.key_ring())
    if settings.redis_url is None:
        return Node(settings, limits, MemoryStore(), MemoryBus(), host, keys)
    url, name = settings.redis_url.get_secret_value(), settings.app_name
    patience = min(STORE_SECONDS, settings.store_patience)

    def open_store() -> RedisStore:
        return RedisStore(url, name, patience=patience)

    bus = RedisBus(url, name)
    return Node(settings, limits, open_store(), bus, host, keys, open_store=open_store)
