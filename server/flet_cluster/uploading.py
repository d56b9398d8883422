"""Uploads of an app, from its settings (layer 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flet_cluster.blobs.links import UploadLinks
from flet_cluster.blobs.local import local_blobs
from flet_cluster.blobs.signing import UploadSigner

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.settings import Settings


def upload_signer(settings: Settings, app_name: str | None = None) -> UploadSigner:
    """Return what signs and verifies the URLs of uploads: the same on all nodes.

    Args:
        settings: have the keys.
        app_name: the app whose uploads these are; None for the one of the settings.
    """
    return UploadSigner(settings.key_ring(), settings.app_name if app_name is None else app_name)


def upload_links(settings: Settings) -> UploadLinks | None:
    """Return what makes the URLs of uploads; None if the app keeps none."""
    if settings.upload_dir is None:
        return None
    blobs, endpoint = local_blobs(settings.upload_dir), settings.upload_endpoint
    return UploadLinks(blobs, upload_signer(settings), endpoint, limit=settings.max_upload_size)


class CurrentSigner:
    """Verifies with the keys that hold when an upload comes: they may be known later than its route.

    Args:
        settings: returns those that have the keys.
        app_name: see :func:`upload_signer`.
    """

    def __init__(self, settings: Callable[[], Settings], app_name: str | None = None) -> None:
        self._settings = settings
        self._app_name = app_name

    def verify(self, endpoint: str, name: str, expires: int, signature: str, now: float) -> None:
        """See :meth:`UploadSigner.verify`."""
        signer = upload_signer(self._settings(), self._app_name)
        signer.verify(endpoint, name, expires, signature, now)
