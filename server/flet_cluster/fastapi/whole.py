"""All endpoints of a Flet app in one application, to be mounted or served (layer 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flet_cluster.application import mountable
from flet_cluster.errors import ProgramError, SettingsError
from flet_cluster.fastapi.arguments import fields_of
from flet_cluster.fastapi.manager import app_manager
from flet_cluster.fastapi.server import FastAPI
from flet_cluster.host.arguments import refuse_unknown
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    import fastapi

    from flet_cluster.hosting import ClusterApp


def app(  # noqa: PLR0913, PLR0917  the parameters are Flet's
    main: Callable[..., Any] | None = None,
    before_main: Callable[..., Any] | None = None,
    proxy_path: str | None = None,
    assets_dir: str | os.PathLike[str] | None = None,
    app_name: str | None = None,
    app_short_name: str | None = None,
    app_description: str | None = None,
    web_renderer: Any = None,
    route_url_strategy: Any = None,
    no_cdn: bool | None = None,
    upload_dir: str | os.PathLike[str] | None = None,
    upload_endpoint_path: str | None = None,
    max_upload_size: int | str | None = None,
    secret_key: str | None = None,
    session_timeout_seconds: float | None = None,
    oauth_state_timeout_seconds: float | None = None,
    *,
    session_handler: Callable[..., Any] | None = None,
    use_color_emoji: bool | None = None,
) -> fastapi.FastAPI:
    """Return an application with all endpoints of a Flet app: socket, uploads, OAuth callback, web client.

    It may be served as it is, or mounted under any path of another application; then call
    ``app_manager.start()`` and ``app_manager.shutdown()`` in that application's lifespan (the ``FastAPI`` of
    this package does). The environment wins over arguments, as in Flet.

    Args:
        main: the app's ``main(page)``, sync or async.
        before_main: called before ``main``.
        proxy_path: path that a proxy in front strips from URLs.
        assets_dir: the app's own files; relative to the working directory.
        app_name: name of the installed app (PWA). The cluster's name for it is ``FLET_CLUSTER_APP_NAME``, or
            that of the module; with the function's, if that is not ``main``.
        app_short_name: short name of the installed app; default: ``app_name``.
        app_description: what the installed app does.
        web_renderer: ``auto`` (default), ``canvaskit`` or ``skwasm``.
        route_url_strategy: ``path`` (default) or ``hash``.
        no_cdn: whether the browser needs no other server; default: True.
        upload_dir: where uploads go; relative to the working directory.
        upload_endpoint_path: path of uploads; default: ``upload``, below the app.
        max_upload_size: largest upload, bytes, as number or text; default: no limit.
        secret_key: seals sessions and signs upload URLs; ``FLET_SECRET_KEY`` wins.
        session_timeout_seconds: seconds a session is kept after its user has gone; default: 3600.
        oauth_state_timeout_seconds: seconds a user may take to sign in elsewhere; default: 600.
        session_handler: ``main``, as older Flet called it.
        use_color_emoji: whether to load a font with coloured emojis.

    Raises:
        SettingsError: a value is not allowed; the message names it.
        ProgramError: ``main`` is not defined in a module that other nodes can import.
    """
    entry = main or session_handler
    if entry is None:
        raise ProgramError("flet_fastapi.app() needs the app's main function: app(main).")
    fields = fields_of(
        {
            "proxy_path": proxy_path,
            "assets_dir": assets_dir,
            "pwa_name": app_name,
            "pwa_short_name": app_short_name,
            "pwa_description": app_description,
            "web_renderer": web_renderer,
            "route_url_strategy": route_url_strategy,
            "no_cdn": no_cdn,
            "use_color_emoji": use_color_emoji,
            "upload_dir": upload_dir,
            "upload_endpoint_path": upload_endpoint_path,
            "max_upload_size": max_upload_size,
            "secret_key": secret_key,
            "session_timeout_seconds": session_timeout_seconds,
            "oauth_state_timeout_seconds": oauth_state_timeout_seconds,
        }
    )
    return mountable(app_manager.hosted(entry, before_main, fields))


def exported(arguments: Mapping[str, Any]) -> FastAPI:
    """Return what ``ft.run(main, export_asgi_app=True)`` returns: the app below its name, as a whole server.

    Args:
        arguments: those of ``ft.run``, and fields of :class:`Settings`. Folders are relative to the working
            directory.
    """
    return _server_of(_only_app(arguments))


def _only_app(arguments: Mapping[str, Any]) -> ClusterApp:
    """Return the app that these arguments describe, the only one of its process."""
    fields = fields_of({"assets_dir": "assets", **arguments})
    return app_manager.hosted(arguments["main"], arguments.get("before_main"), fields, only=True)


def _server_of(cluster_app: ClusterApp, **options: Any) -> FastAPI:
    """Return an app below its name, as a whole server; ``options`` are those of :class:`FastAPI`."""
    outer = FastAPI(openapi_url=None, **options)
    outer.mount(f"/{cluster_app.settings.app_path}", mountable(cluster_app))
    return outer


def cluster_app(main: Callable[..., Any], **arguments: Any) -> FastAPI:
    """Return a Flet app as a FastAPI application that is a node of a cluster.

    Args:
        main: the app's ``main(page)``.
        arguments: arguments of ``ft.run``, and any field of :class:`flet_cluster.settings.Settings`;
            the environment wins over them.

    Raises:
        SettingsError: the settings do not fit together; the message says what to do.
        ProgramError: ``main`` is not defined in a module that other nodes can import.
    """
    refuse_unknown(arguments, "flet_cluster.app")
    if Settings.load({}, fields_of(arguments)).workers > 1:
        raise SettingsError("flet_cluster.app() is one node; start several processes with your ASGI server.")
    app = _only_app({"main": main, **arguments})
    if app.settings.dashboard_password is None:
        return _server_of(app)
    from flet_cluster.beside import Dashboard  # noqa: PLC0415  only those who have one pay for it

    dashboard = Dashboard(app.settings, lambda: [app])
    outer = _server_of(app, on_shutdown=[dashboard.app.stop])
    outer.router.routes[:0] = dashboard.routes
    dashboard.drains_with(outer.state)
    return outer
