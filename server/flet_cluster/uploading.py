"""Uploads of an app, from its settings (layer 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flet_cluster.blobs.links import UploadLinks
from flet_cluster.blobs.local import local_blobs
from flet_cluster.blobs.reading import ReadLinks
from flet_cluster.blobs.signing import DOWNLOAD, UPLOAD, UploadSigner, Use

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.settings import Settings


def upload_signer(settings: Settings, app_name: str | None = None, use: Use = UPLOAD) -> UploadSigner:
    """Return what signs and verifies the URLs of uploads: the same on all nodes.

    Args:
        settings: have the keys.
        app_name: the app whose uploads these are; None for the one of the settings.
        use: what the URLs are for.
    """
    return UploadSigner(settings.key_ring(), settings.app_name if app_name is None else app_name, use)


def upload_links(settings: Settings) -> UploadLinks | None:
    """Return what makes the URLs of uploads; None if the app keeps none."""
    if settings.upload_dir is None:
        return None
    blobs, endpoint = local_blobs(settings.upload_dir), settings.upload_endpoint
    limit, reading = settings.max_upload_size, read_links(settings, endpoint)
    return UploadLinks(blobs, upload_signer(settings), endpoint, limit=limit, reading=reading)


def read_links(
    settings: Settings, endpoint: str, *, app_name: str | None = None, below_app: bool = True
) -> ReadLinks | None:
    """Return what gives an app its uploads back; None if this process does not know where they are.

    Args:
        settings: say where they are.
        endpoint: path of what serves them: that of uploads.
        app_name: see :func:`upload_signer`.
        below_app: whether the path is below the app's own.
    """
    if settings.upload_dir is None:
        return None
    signer = upload_signer(settings, app_name, DOWNLOAD)
    return ReadLinks(local_blobs(settings.upload_dir), signer, endpoint, below_app=below_app)


class CurrentSigner:
    """Verifies with the keys that hold when an upload comes: they may be known later than its route.

    Args:
        settings: returns those that have the keys.
        app_name: see :func:`upload_signer`.
        use: as well.
    """

    def __init__(
        self, settings: Callable[[], Settings], app_name: str | None = None, use: Use = UPLOAD
    ) -> None:
        self._settings = settings
        self._app_name = app_name
        self._use = use

    def verify(self, endpoint: str, name: str, expires: int, signature: str, now: float) -> None:
        """See :meth:`UploadSigner.verify`."""
        signer = upload_signer(self._settings(), self._app_name, self._use)
        signer.verify(endpoint, name, expires, signature, now)
