"""What comes to an app beside its socket: uploads, and answers of identity providers (layer 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from flet_cluster.blobs.signing import DOWNLOAD, UPLOAD
from flet_cluster.http.oauth import OAuthEndpoint
from flet_cluster.http.uploads import UploadEndpoint, UploadRoute
from flet_cluster.uploading import CurrentSigner, blob_store

if TYPE_CHECKING:
    from flet_cluster.hosting import ClusterApp


def side_doors(app: ClusterApp) -> list[BaseRoute]:
    """Return the routes, relative to the app's own path.

    Args:
        app: has the settings that say where they are, and the node.
    """
    settings = app.settings
    callback = OAuthEndpoint(app.start)
    routes: list[BaseRoute] = [Route(f"/{settings.oauth_callback_endpoint}", callback)]
    blobs, endpoint = blob_store(settings), settings.upload_endpoint
    if blobs is not None:
        signer, reader = (CurrentSigner(lambda: app.settings, use=use) for use in (UPLOAD, DOWNLOAD))
        uploads = UploadEndpoint(blobs, signer, reader, limit=settings.max_upload_size, endpoint=endpoint)
        routes.append(UploadRoute(f"/{endpoint}", uploads))
    return routes
