"""The dashboard beside a user's app, in the same process and on the same port (layer 5).

It is a second Flet app with a node of its own, so its sessions resume on any node as those of every app. Its
node starts with its first visitor: as long as nobody looks, the dashboard costs some memory and nothing else.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.routing import Match, Mount, Router

from flet_cluster.application import mountable, proxy_prefix
from flet_cluster.dashboard import source
from flet_cluster.dashboard.attempts import Attempts
from flet_cluster.dashboard.guard import Guard
from flet_cluster.dashboard.program import dashboard_program
from flet_cluster.dashboard.tickets import TicketCookie, Tickets
from flet_cluster.events import NullObserver
from flet_cluster.fastapi.names import cut
from flet_cluster.hosting import ClusterApp
from flet_cluster.http.slash import slash_route
from flet_cluster.http.static import RESUME_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from flet_cluster.node.node import Node
    from flet_cluster.settings import Settings
    from flet_cluster.stores.base import SessionStore

SUFFIX = ".fc-dashboard"
"""Behind the app's name, the name of its dashboard in Redis."""
_THREADS = 4
_AWAY = 900.0
"""Seconds that a session of the dashboard is kept when its operator has gone: there is little in it."""


class Dashboard:
    """The dashboard of this process.

    Args:
        settings: those of the process, with a secret key, an app name and a password for the dashboard.
        apps: returns the Flet apps that are shown.

    Attributes:
        app: its own app; it starts with its first visitor.
        path: where it is.
        routes: serve it there.
    """

    def __init__(self, settings: Settings, apps: Callable[[], Sequence[ClusterApp]]) -> None:
        self.app = ClusterApp(dashboard_program(), dashboard_settings(settings), observer=NullObserver())
        self.path = f"/{settings.dashboard_path}"
        self.routes: list[BaseRoute] = [
            slash_route(self.path),
            _Below(self.path, _guarded(self.app, settings)),
        ]
        source.provide(partial(_running, apps))

    def drains_with(self, state: Any) -> None:
        """Let the dashboard's sessions go together with those of the apps, whose ``state`` this is."""
        state.drain = partial(_both, self.app.drain, state.drain)


class _Below(Mount):
    """What is below the dashboard's path, but for the script of an app right above it.

    Pages of an app load that from a folder that has the dashboard's own default name.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See :class:`starlette.routing.BaseRoute`."""
        if is_apps_script(self.path, path_in(scope)):
            return Match.NONE, {}
        return super().matches(scope)


class WithDashboard:
    """An ASGI application with the dashboard at a path of its own.

    Args:
        app: the user's; what it has in ``state`` is this one's, too.
        settings, apps: as for :class:`Dashboard`.

    Attributes:
        dashboard: it.
    """

    def __init__(self, app: Any, settings: Settings, apps: Callable[[], Sequence[ClusterApp]]) -> None:
        self._app: ASGIApp = app
        self.dashboard = Dashboard(settings, apps)
        self._router = Router(self.dashboard.routes)
        self.state = app.state
        self.dashboard.drains_with(self.state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._stopping(send))
        elif self._is_dashboards(scope):
            await self._router(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_dashboards(self, scope: Scope) -> bool:
        path = path_in(scope)
        below = f"{path}/".startswith(f"{self.dashboard.path}/")
        return below and not is_apps_script(self.dashboard.path, path)

    def _stopping(self, send: Send) -> Send:
        async def with_stop(message: Message) -> None:
            """Stop the dashboard's node before the server hears that all is over."""
            if message["type"].startswith("lifespan.shutdown"):
                await self.dashboard.app.stop()
            await send(message)

        return with_stop


def path_in(scope: Scope) -> str:
    """Return the path that is asked for, below where the application is."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def is_apps_script(dashboard: str, path: str) -> bool:
    """Whether a path is that of the script that keeps the sockets of an app's pages, not the dashboard's own.

    Args:
        dashboard: path of the dashboard.
        path: what is asked for.
    """
    folder, _, name = RESUME_PATH.rpartition("/")
    return dashboard.endswith(f"/{folder}") and path == f"{dashboard}/{name}"


def dashboard_settings(settings: Settings) -> Settings:
    """Return the settings of an app's dashboard: its sessions are kept where the app's are."""
    name = cut(f"{settings.app_name}{SUFFIX}")
    kept = {
        *("redis_url", "secret_key", "secret_key_fallbacks", "proxy_path", "cache_dir", "no_cdn"),
        *("heartbeat_interval", "heartbeat_timeout", "handshake_timeout", "store_patience", "drain_timeout"),
        *("web_renderer", "max_relays"),
    }
    values = {field: value for field, value in settings.plain().items() if field in kept}
    return type(settings)(
        **values,
        app_name=name,
        lane_threads=_THREADS,
        session_timeout=_AWAY,
        pubsub_retention=_AWAY,
        store_warnings=False,  # the app's node has said it all
        pwa_name=f"{settings.app_name} · dashboard",
        pwa_description="Nodes and sessions of a flet-cluster",
    )


def _guarded(dashboard: ClusterApp, settings: Settings) -> Guard:
    """Return the dashboard's application behind its password."""
    assert settings.dashboard_password is not None, "the caller has looked"
    password = settings.dashboard_password.get_secret_value()
    name = dashboard.settings.app_name

    async def store() -> SessionStore:
        """Return the store in which attempts are counted."""
        return (await dashboard.start()).store

    def cookie_at(scope: Scope) -> TicketCookie:
        """Return the cookie for the path that the browser sees."""
        return TicketCookie.at(name, f"{proxy_prefix(settings)}{scope.get('root_path', '')}")

    return Guard(
        mountable(dashboard),
        settings.app_name,
        password,
        Tickets(settings.key_ring(), name, password),
        cookie_at,
        Attempts(store),
    )


def _running(apps: Callable[[], Sequence[ClusterApp]]) -> dict[str, Node]:
    """Return the nodes that run, by the names of their apps."""
    return {app.settings.app_name: app.running for app in apps() if app.running is not None}


async def _both(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    await asyncio.gather(one(), other())
