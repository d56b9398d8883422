"""What this process serves for a program: a page app, or the ASGI application of a script (layer 5)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from starlette.routing import Router

import flet_cluster.fastapi as package
from flet_cluster.application import create_app
from flet_cluster.fastapi import endpoints, server, whole
from flet_cluster.fastapi import manager as managers
from flet_cluster.fastapi.manager import AppManager, app_manager
from flet_cluster.host.intercept import DropIn
from flet_cluster.hosting import failure_noted
from flet_cluster.http.health import health_routes
from flet_cluster.serving import SERVERS
from flet_cluster.sight import ProcessSight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from flet_cluster.host.program import Program
    from flet_cluster.hosting import ClusterApp
    from flet_cluster.settings import Settings

DROP_IN = DropIn(
    export=whole.exported,
    modules={
        f"{name}{part}": module
        for name in ("flet.fastapi", "flet_web.fastapi")
        for part, module in {
            "": package,
            ".app": whole,
            ".flet_app": endpoints,
            ".flet_app_manager": managers,
            ".flet_fastapi": server,
            ".flet_oauth": endpoints,
            ".flet_static_files": endpoints,
            ".flet_upload": endpoints,
        }.items()
    },
    servers=SERVERS,
)
"""What a hosted script gets when it imports Flet's FastAPI parts, exports or serves an application."""


def settings_asked_by(program: Program) -> Mapping[str, Any]:
    """Return the settings that a program asks for: of an application of its own, address and secret key.

    All else the script gave to the apps it built.
    """
    own_key = {} if program.asgi_app is None else app_manager.own_key()
    return {**program.settings(), **own_key}


def application_of(program: Program, settings: Settings) -> Any:
    """Return the ASGI application of a program for this process.

    Args:
        program: loaded with :data:`DROP_IN`.
        settings: where this process keeps sessions, and what it was started with.
    """
    if program.asgi_app is None:
        app: Any = create_app(program, settings)
        return with_dashboard(app, settings, lambda: [app.state.cluster_app])
    app_manager.configure(settings)
    hosted = HostedApplication(program.asgi_app, app_manager)
    return with_dashboard(hosted, settings, lambda: app_manager.apps)


def with_dashboard(app: Any, settings: Settings, apps: Callable[[], Sequence[ClusterApp]]) -> Any:
    """Return an application with the dashboard beside it, if there is to be one; else the application.

    Args:
        app: what this process serves.
        settings: as for :func:`application_of`.
        apps: returns the Flet apps in it.
    """
    if settings.dashboard_password is None:
        return app
    from flet_cluster.beside import WithDashboard  # noqa: PLC0415  only those who have one pay for it

    return WithDashboard(app, settings, apps)


class HostedApplication:
    """A user's ASGI application around the Flet apps it holds: they start before it and stop after it.

    Args:
        app: the user's application; it may start and stop the apps itself.
        manager: knows the apps.

    Attributes:
        state: what the server looks for: ``drain``, ``sight``, and why a start failed.
    """

    def __init__(self, app: ASGIApp, manager: AppManager) -> None:
        self._app = app
        self._manager = manager
        sight = ProcessSight(lambda: manager.apps)
        self._health = Router(health_routes(sight.alive, sight.ready))
        own = {getattr(route, "path", "") for route in getattr(app, "routes", ())}
        self._ours = {"/healthz", "/readyz"} - own
        self.state = SimpleNamespace(drain=manager.drain, sight=sight, start_error="", start_refused=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._app(scope, self._starting(receive), self._stopping(send))
        elif scope["type"] == "http" and scope["path"] in self._ours:
            await self._health(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _starting(self, receive: Receive) -> Receive:
        async def with_start() -> Message:
            """Start the apps before the application hears that it should start."""
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._start()
            return message

        return with_start

    async def _start(self) -> None:
        with failure_noted(self.state):
            await self._manager.start()

    def _stopping(self, send: Send) -> Send:
        async def with_stop(message: Message) -> None:
            """Stop the apps before the server hears that all is over."""
            if message["type"].startswith("lifespan.shutdown"):
                await self._manager.shutdown()
            await send(message)

        return with_stop
