"""Uploads of an app, from its settings (layer 5; boto3 is imported only if a bucket is set)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flet_cluster.blobs.links import NodeLinks, UploadLinks
from flet_cluster.blobs.local import local_blobs
from flet_cluster.blobs.prefix import ONE_FOLDER, SHARED_STORE, UploadPrefix
from flet_cluster.blobs.reading import ReadLinks
from flet_cluster.blobs.s3.options import S3Options
from flet_cluster.blobs.shared import is_shared
from flet_cluster.blobs.signing import DOWNLOAD, UPLOAD, UploadSigner, Use
from flet_cluster.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flet_cluster.blobs.base import BlobStore
    from flet_cluster.settings import Settings


def upload_signer(settings: Settings, app_name: str | None = None, use: Use = UPLOAD) -> UploadSigner:
    """Return what signs and verifies the URLs of uploads: the same on all nodes.

    Args:
        settings: have the keys.
        app_name: the app whose uploads these are; None for the one of the settings.
        use: what the URLs are for.
    """
    return UploadSigner(settings.key_ring(), settings.app_name if app_name is None else app_name, use)


def blob_store(settings: Settings) -> BlobStore | None:
    """Return where the app's uploads are kept, always the same object; None if it keeps none.

    Raises:
        SettingsError: a bucket is named, and what is needed for that is not installed.
    """
    if settings.s3_bucket:
        return _bucket(settings)
    return None if settings.upload_dir is None else local_blobs(settings.upload_dir)


def _bucket(settings: Settings) -> BlobStore:
    try:
        from flet_cluster.blobs.s3.store import s3_blobs  # noqa: PLC0415  boto3 is large, and optional
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"FLET_CLUSTER_S3_BUCKET = {settings.s3_bucket!r}: uploads in a bucket need {error.name}, which "
            'is not installed: pip install "flet-cluster[s3]"'
        ) from error
    return s3_blobs(
        S3Options(
            settings.s3_bucket,
            settings.s3_endpoint_url,
            settings.s3_region,
            settings.s3_addressing_style,
            f"{settings.app_name}/",
        )
    )


def upload_prefix(settings: Settings) -> UploadPrefix:
    """Return where among all blobs those of each session are."""
    template = settings.upload_prefix
    if template is None:
        template = SHARED_STORE if settings.s3_bucket else ONE_FOLDER
    return UploadPrefix(template, settings.app_name)


def upload_links(settings: Settings) -> UploadLinks | None:
    """Return what makes the URLs of uploads; None if the app keeps none. Raises as :func:`blob_store`."""
    blobs = blob_store(settings)
    if blobs is None:
        return None
    return UploadLinks(
        blobs,
        NodeLinks(upload_signer(settings), settings.upload_endpoint),
        limit=settings.max_upload_size,
        prefix=upload_prefix(settings),
        reading=read_links(settings, settings.upload_endpoint),
    )


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
    blobs = blob_store(settings)
    if blobs is None:
        return None
    through_node = NodeLinks(upload_signer(settings, app_name, DOWNLOAD), endpoint, below_app=below_app)
    return ReadLinks(blobs, through_node, prefix=upload_prefix(settings))


def uploads_among_assets(settings: Settings) -> Path | None:
    """Return the folder of uploads if its files are served as the app's own; None if they are not."""
    folder, assets = settings.upload_dir, settings.assets_dir
    if folder is None or assets is None or settings.s3_bucket:
        return None
    return folder if folder.resolve().is_relative_to(assets.resolve()) else None


def upload_remark(settings: Settings) -> str:
    """Return what the operator should know about where uploads go, for the log; "" if all is well."""
    folder, bucket = settings.upload_dir, settings.s3_bucket
    if folder is None:
        return ""
    if bucket:
        return (
            f"uploads go to the bucket {bucket!r} (FLET_CLUSTER_S3_BUCKET); the folder {folder} "
            "(FLET_UPLOAD_DIR, upload_dir=…) is not used"
        )
    if uploads_among_assets(settings) is not None:
        return (
            f"uploads go to {folder}, which is among the app's own files in {settings.assets_dir}: whoever "
            "knows its name gets a file there without a signed URL. Name a folder elsewhere "
            "(FLET_UPLOAD_DIR, upload_dir=…), and show uploads by flet_cluster.uploads(page).url(name)"
        )
    if _on_one_machine(settings) or is_shared(folder):
        return ""
    return (
        f"uploads go to {folder} on this machine's own disk: nodes on other machines do not see them. Name a "
        "bucket (FLET_CLUSTER_S3_BUCKET), or mount a folder there that all nodes share; if all nodes are on "
        "this machine, all is well"
    )


def _on_one_machine(settings: Settings) -> bool:
    """Whether nodes cannot be elsewhere: there is no Redis, or one on a unix socket, as the embedded one."""
    return settings.redis_url is None or settings.redis_url.get_secret_value().startswith("unix://")


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
