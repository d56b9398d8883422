"""The endpoints of a Flet app one by one, for those who mount each where they want it (layer 5)."""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from starlette.requests import ClientDisconnect

from flet_cluster.application import proxy_prefix, serve_socket, web_client
from flet_cluster.blobs.links import NodeLinks, UploadLinks
from flet_cluster.blobs.local import local_blobs
from flet_cluster.blobs.signing import DOWNLOAD, UPLOAD
from flet_cluster.fastapi.arguments import fields_of
from flet_cluster.fastapi.manager import app_manager
from flet_cluster.host.entry import Entry
from flet_cluster.http.cookie import BindingCookie
from flet_cluster.http.index import base_href
from flet_cluster.http.oauth import callback, page
from flet_cluster.http.uploads import UploadEndpoint
from flet_cluster.transport.binding import BrowserCookie
from flet_cluster.uploading import CurrentSigner, blob_store, read_links, upload_prefix, upload_signer

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from fastapi import Request, Response, WebSocket
    from starlette.responses import Response as StarletteResponse
    from starlette.types import Receive, Scope, Send

    from flet_cluster.settings import Settings


ANY_APP = ""
"""Signs uploads that an endpoint takes which does not know whose they are."""


class FletApp:
    """Serves the websockets of an app, in a route of yours.

    Takes both forms that Flet has had: ``FletApp(main, session_timeout_seconds=…)``, and today's
    ``FletApp(loop, executor, main, before_main, session_timeout_seconds=…)``, of which loop and executor are
    not needed here. It may be made once, or for each request: all objects whose ``main`` has the same code,
    and that have the same settings, are one app. A session runs the very ``main`` and ``before_main`` that
    were given for the socket that began it, whichever socket and node it comes back to.

    Args:
        arguments, options: ``main`` (once ``session_handler``), ``before_main``, ``session_timeout_seconds``,
            ``oauth_state_timeout_seconds``, ``upload_endpoint_path`` and ``secret_key``, as in :func:`app`.

    Raises:
        SettingsError: a value is not allowed; the message names it.
        ProgramError: ``main`` is not defined in a module that other nodes can import, or the process has too
            many apps.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        given = _given(arguments, options)
        main, before_main = given.pop("main"), given.pop("before_main", None)
        elsewhere = given.get("upload_endpoint_path")
        self._entry = Entry.of_request(main, before_main)
        self._app = app_manager.shared(main, fields_of(given))
        self._app.links = partial(_links_elsewhere, endpoint=elsewhere)

    async def handle(self, websocket: WebSocket) -> None:
        """Serve one websocket from handshake to close."""
        parent = websocket.url.path.rsplit("/", 1)[0]
        cookie = _cookie(self._app.settings, proxy_prefix(self._app.settings) + parent)
        await serve_socket(self._app, websocket, cookie, self._entry)


def _cookie(settings: Settings, app_path: str) -> BrowserCookie:
    """Return the cookie that page and socket have in common, wherever each is."""
    return BrowserCookie.of_host(app_path, framed=settings.framed)


def _links_elsewhere(settings: Settings, endpoint: str | None) -> UploadLinks:
    """Make URLs for a :class:`FletUpload`: at a path below the domain, or at the usual one below the app."""
    path, below_app = endpoint or settings.upload_endpoint, endpoint is None
    through_node = NodeLinks(upload_signer(settings, ANY_APP), path, below_app=below_app)
    reading = read_links(settings, path, app_name=ANY_APP, below_app=below_app)
    return UploadLinks(None, through_node, prefix=upload_prefix(settings), reading=reading)


def _today(  # noqa: PLR0913, PLR0917  they are Flet's
    loop: Any = None,
    executor: Any = None,
    main: Any = None,
    before_main: Any = None,
    session_timeout_seconds: Any = None,
    oauth_state_timeout_seconds: Any = None,
    upload_endpoint_path: Any = None,
    secret_key: Any = None,
) -> None:
    """Has the parameters of today's ``FletApp``."""


def _earlier(
    session_handler: Any,
    session_timeout_seconds: Any = None,
    oauth_state_timeout_seconds: Any = None,
    upload_endpoint_path: Any = None,
    secret_key: Any = None,
) -> None:
    """Has the parameters that ``FletApp`` had before Flet 1.0."""


def _given(arguments: tuple[Any, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given, by today's names."""
    first = arguments[0] if arguments else None
    is_main = callable(first) and not isinstance(first, asyncio.AbstractEventLoop)
    earlier = (is_main and "main" not in options) or "session_handler" in options
    bound = inspect.signature(_earlier if earlier else _today).bind(*arguments, **options).arguments
    given = {name: value for name, value in bound.items() if name not in {"loop", "executor"}}
    if "session_handler" in given:
        given["main"] = given.pop("session_handler")
    if not callable(given.get("main")):
        raise TypeError("FletApp needs the app's main function: FletApp(main)")
    return given


class FletStaticFiles:
    """Serves the web client and an app's own files, mounted where you want them.

    Args:
        proxy_path: path that a proxy in front strips from URLs.
        assets_dir: the app's own files; relative to the working directory.
        app_name: name of the installed app (PWA).
        app_short_name: short name of the installed app; default: ``app_name``.
        app_description: what the installed app does.
        web_renderer: ``auto`` (default), ``canvaskit`` or ``skwasm``.
        route_url_strategy: ``path`` (default) or ``hash``.
        no_cdn: whether the browser needs no other server; default: True.
        websocket_endpoint_path: URL of the app's websocket; without a leading slash, below the mount path.
        app_mount_path: URL of the app as the browser sees it, if it is not where this is mounted.
        use_color_emoji: whether to load a font with coloured emojis.

    Raises:
        SettingsError: a value is not allowed; the message names it.
    """

    def __init__(  # noqa: PLR0913, PLR0917  the parameters are Flet's
        self,
        proxy_path: str | None = None,
        assets_dir: str | os.PathLike[str] | None = None,
        app_name: str | None = None,
        app_short_name: str | None = None,
        app_description: str | None = None,
        web_renderer: Any = None,
        route_url_strategy: Any = None,
        no_cdn: bool | None = None,
        websocket_endpoint_path: str | None = None,
        *,
        app_mount_path: str | None = None,
        use_color_emoji: bool | None = None,
    ) -> None:
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
            }
        )
        settings = app_manager.settings(fields)
        own = {} if not websocket_endpoint_path else {"websocket_path": websocket_endpoint_path}
        if app_mount_path:
            own["base"] = base_href(app_mount_path)
        client = web_client(settings, **own)
        self._client = BindingCookie(client, lambda scope: _cookie(settings, scope.get("root_path", "")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._client(scope, receive, send)


class FletUpload:
    """Takes uploads of the process's apps, in a route of yours for PUT.

    In a route that is also for GET and HEAD, and returns what :meth:`handle` returns, it serves them to
    browsers, too: at the URLs of ``flet_cluster.uploads(page)``, for which nodes need ``FLET_UPLOAD_DIR``.

    Args:
        upload_dir: where uploads go, unless FLET_CLUSTER_S3_BUCKET is set; relative to the working directory.
        max_upload_size: largest upload, bytes, as number or text; default: no limit.
        secret_key: verifies the URLs; ``FLET_SECRET_KEY`` wins. The same as that of :class:`FletApp`.

    Raises:
        SettingsError: a value is not allowed; the message names it.
    """

    def __init__(
        self,
        upload_dir: str | os.PathLike[str],
        max_upload_size: int | str | None = None,
        secret_key: str | None = None,
    ) -> None:
        given = {"max_upload_size": max_upload_size, "secret_key": secret_key, "upload_dir": upload_dir}
        fields = fields_of(given)
        settings = app_manager.settings(fields)
        blobs = blob_store(settings) or local_blobs(Path(upload_dir).absolute())
        signer, reader = (
            CurrentSigner(lambda: app_manager.settings(fields), ANY_APP, use) for use in (UPLOAD, DOWNLOAD)
        )
        self._endpoint = UploadEndpoint(blobs, signer, reader, limit=settings.max_upload_size)

    async def handle(self, request: Request) -> StarletteResponse | None:
        """Take one upload; or return one, if the request asks for that.

        Raises:
            HTTPException: nothing was stored; status and detail say why.
        """
        try:
            return await self._endpoint.handle(request)
        except ClientDisconnect as error:  # nobody reads the answer; a traceback in the log is no news
            raise HTTPException(400, "The upload was cut off") from error


class FletOAuth:
    """Takes the answers of identity providers for all apps of the process, in a route of yours for GET.

    The browser has to be the one that asked. It is known by the cookie of :class:`FletApp`, which is for the
    whole host; apps of :func:`app` have theirs below their own path only, and so their own endpoint for this.
    It knows the apps that this process has made: where ``FletApp`` is made for each request, those that have
    had a visitor here.
    """

    async def handle(self, request: Request) -> Response:
        """Take one answer; return what its user gets to see."""
        nodes = [await app.start() for app in app_manager.apps]
        if not nodes:
            return page("Not signed in", "No app of this server has asked for a sign-in.", 400)
        return await callback(request, nodes)
