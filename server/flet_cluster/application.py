"""An app's node as an ASGI application (layer 5: may import everything below).

The application can be the whole server, or be mounted in another one under any path: what the browser has to
know about paths is found in each request.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, WebSocket

from flet_cluster.errors import ClusterError
from flet_cluster.front import Front
from flet_cluster.hosting import ClusterApp, failure_noted
from flet_cluster.http.cookie import BindingCookie
from flet_cluster.http.health import health_routes
from flet_cluster.http.index import WebOptions
from flet_cluster.http.slash import slash_route
from flet_cluster.http.static import WebClient, default_cache_dir
from flet_cluster.metrics import PrometheusObserver, metrics_route
from flet_cluster.protocol.close import CloseCode
from flet_cluster.side_doors import side_doors
from flet_cluster.sight import ProcessSight
from flet_cluster.transport import endpoint
from flet_cluster.transport.binding import BrowserCookie
from flet_cluster.uploading import uploads_among_assets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.routing import Route
    from starlette.types import Scope

    from flet_cluster.events import FaultPoints, Observer
    from flet_cluster.host.entry import Entry
    from flet_cluster.host.program import Program
    from flet_cluster.settings import Settings

_LOG = logging.getLogger("flet_cluster")
UNTRACED: Final[Any] = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own telemetry (0.165 and newer) would export the queries of sign-ins and of signed URLs."""


def create_app(
    program: Program,
    settings: Settings,
    *,
    faults: FaultPoints | None = None,
    observer: Observer | None = None,
) -> FastAPI:
    """Return the application of one node, which is the whole server. It connects when its lifespan starts.

    Args:
        program: the app.
        settings: all options, with a secret key and an app name.
        faults: named places where a test may interfere.
        observer: receives counts and measurements; Prometheus metrics by default.
    """
    cluster_app = ClusterApp(program, settings, faults=faults, observer=observer)
    application = mountable(cluster_app)
    if not settings.app_path:
        return application
    outer = FastAPI(lifespan=application.router.lifespan_context, openapi_url=None, telemetry=UNTRACED)
    outer.state = application.state
    outer.router.routes.extend(_operators_routes(cluster_app))
    outer.router.routes.append(slash_route(f"/{settings.app_path}"))
    outer.mount(f"/{settings.app_path}", application)
    return outer


def mountable(cluster_app: ClusterApp) -> FastAPI:
    """Return the application of one node, to be mounted anywhere.

    Its ``state`` holds what a server or a test looks for: ``cluster_app``, ``node`` (once it runs),
    ``observer``, ``drain`` and ``sight``.
    """
    settings = cluster_app.settings
    client = web_client(settings)
    cluster_app.companions.append(client)

    @contextlib.asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        """Start the node before the port opens; leave when the server stops."""
        with failure_noted(application.state):
            application.state.node = await cluster_app.start()
        try:
            yield
        finally:
            await cluster_app.stop()

    async def socket(websocket: WebSocket) -> None:
        """Serve one client."""
        await serve_socket(cluster_app, websocket, cookie_at(cluster_app.settings, websocket.scope))

    application = Front(
        f"/{settings.websocket_endpoint}",
        socket,
        lifespan=lifespan,
        openapi_url=None,
        telemetry=UNTRACED,
    )
    application.state.cluster_app = cluster_app
    application.state.drain = cluster_app.drain
    application.state.observer = cluster_app.observer
    application.state.sight = ProcessSight(lambda: [cluster_app])

    application.router.routes.extend(_operators_routes(cluster_app))
    at = partial(cookie_at, settings)
    application.router.routes.extend(side_doors(cluster_app))
    application.mount("/", BindingCookie(client, at))
    return application


async def serve_socket(
    cluster_app: ClusterApp, websocket: WebSocket, cookie: BrowserCookie, entry: Entry | None = None
) -> None:
    """Serve one websocket; if the app's node cannot be started, its client is asked to come back.

    ``entry``: what a session begins with that this socket begins, if not with the program's own ``main``.
    """
    try:
        node = await cluster_app.start()
    except ClusterError as error:
        _LOG.error("app %s cannot start: %s", cluster_app.settings.app_name, error)
        await endpoint.refuse(websocket, CloseCode.STORE_UNAVAILABLE)
        return
    await endpoint.serve(node, websocket, cookie, entry)


def cookie_at(settings: Settings, scope: Scope) -> BrowserCookie:
    """Return the binding cookie of an app for the path that it is mounted at, as the browser sees it."""
    path = f"{proxy_prefix(settings)}{scope.get('root_path', '')}"
    return BrowserCookie.at(settings.app_name, path, framed=settings.framed)


def proxy_prefix(settings: Settings) -> str:
    """Return the path that a proxy in front strips: "" or "/path"."""
    return f"/{settings.proxy_path}" if settings.proxy_path else ""


def web_options(settings: Settings) -> WebOptions:
    """Return what the page has to know."""
    return WebOptions(
        proxy_path=proxy_prefix(settings),
        websocket_path=settings.websocket_endpoint,
        renderer=settings.web_renderer,
        route_strategy=settings.route_url_strategy,
        no_cdn=settings.no_cdn,
        color_emoji=settings.use_color_emoji,
        title=settings.pwa_name,
        short_title=settings.pwa_short_name,
        description=settings.pwa_description,
        theme_color=settings.pwa_theme_color,
        background_color=settings.pwa_background_color,
    )


def web_client(settings: Settings, **options: Any) -> WebClient:
    """Return what serves everything a browser loads; ``options`` replace some of its WebOptions."""
    cache_dir = settings.cache_dir or default_cache_dir()
    return WebClient(
        replace(web_options(settings), **options),
        settings.assets_dir,
        cache_dir=cache_dir,
        uploads=uploads_among_assets(settings),
    )


def _operators_routes(cluster_app: ClusterApp) -> list[Route]:
    """Return what balancers, orchestrators and Prometheus ask for."""
    routes = health_routes(cluster_app.not_alive, cluster_app.not_ready)
    observer = cluster_app.observer
    if cluster_app.settings.metrics and isinstance(observer, PrometheusObserver):
        routes.append(metrics_route(observer))
    return routes
