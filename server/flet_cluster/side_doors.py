"""What comes to an app beside its socket: uploads, and answers of identity providers (layer 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from flet_cluster.blobs.local import local_blobs
from flet_cluster.blobs.signing import DOWNLOAD, UPLOAD
from flet_cluster.http.oauth import OAuthEndpoint
from flet_cluster.http.uploads import UploadEndpoint, UploadRoute
from flet_cluster.uploading import CurrentSigner

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from flet_cluster.hosting import ClusterApp
    from flet_cluster.transport.binding import BrowserCookie


def side_doors(app: ClusterApp, cookie_at: Callable[[Scope], BrowserCookie]) -> list[BaseRoute]:
    """Return the routes, relative to the app's own path.

    Args:
        app: has the settings that say where they are, and the node.
        cookie_at: returns the cookie that ties the app's sessions to a browser, for a request.
    """
    settings = app.settings
    callback = OAuthEndpoint(app.start, cookie_at)
    routes: list[BaseRoute] = [Route(f"/{settings.oauth_callback_endpoint}", callback)]
    if settings.upload_dir is not None:
        blobs, endpoint = local_blobs(settings.upload_dir), settings.upload_endpoint
        signer, reader = (CurrentSigner(lambda: app.settings, use=use) for use in (UPLOAD, DOWNLOAD))
        uploads = UploadEndpoint(blobs, signer, reader, limit=settings.max_upload_size, endpoint=endpoint)
        routes.append(UploadRoute(f"/{endpoint}", uploads))
    return routes
