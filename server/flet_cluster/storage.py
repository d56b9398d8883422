"""``flet-cluster storage``: looks whether the store of uploads works, and sets up a bucket (layer 5)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from flet_cluster.blobs.local import LocalBlobs
from flet_cluster.blobs.prefix import UploadPrefix
from flet_cluster.blobs.steps import Step, attempt
from flet_cluster.blobs.trial import Trial
from flet_cluster.errors import SettingsError
from flet_cluster.uploading import blob_store, upload_prefix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from flet_cluster.settings import Settings

_NOWHERE = "No store of uploads is set: name a bucket (FLET_CLUSTER_S3_BUCKET) or a folder (FLET_UPLOAD_DIR)."


def check(settings: Settings, origins: Sequence[str], say: Callable[[str], None]) -> bool:
    """Do what apps, nodes and browsers do with uploads; say what came of each step.

    Args:
        settings: where uploads go.
        origins: where the app's pages come from, for a bucket; those that may open its socket by default.
        say: shows one line.

    Returns:
        Whether nothing failed.

    Raises:
        SettingsError: uploads go nowhere.
    """
    steps = _bucket_steps(settings, origins) if settings.s3_bucket else _folder_steps(settings)
    return asyncio.run(_said(steps, say))


def init(
    settings: Settings, origins: Sequence[str], expire_days: int | None, say: Callable[[str], None]
) -> bool:
    """Make a bucket fit for uploads; say what came of each step. May be repeated.

    Args:
        settings: name the bucket.
        origins: see :func:`check`.
        expire_days: after how many days files are removed; 0: never; None: as it is.
        say: shows one line.

    Returns:
        Whether nothing failed.

    Raises:
        SettingsError: there is no bucket to be set up.
        BlobStoreUnusable: it cannot be reached with these settings.
    """
    if not settings.s3_bucket:
        raise SettingsError(
            f"No bucket is set: name it with FLET_CLUSTER_S3_BUCKET. A folder needs no init. {_NOWHERE}"
        )
    return asyncio.run(_said(_setting_up(settings, origins, expire_days), say))


async def _said(steps: AsyncIterator[Step], say: Callable[[str], None]) -> bool:
    logging.getLogger("flet_cluster.blobs").setLevel(logging.ERROR)  # the steps say it
    fine = True
    async for step in steps:
        say(str(step))
        fine = fine and step.outcome != "failed"
    return fine


def _key(settings: Settings) -> str:
    """Return a name that nothing has, where the app's uploads are."""
    mine = upload_prefix(settings)
    prefix = UploadPrefix(mine.template, mine.app_name or "flet-cluster")
    return prefix.key(secrets.token_hex(8), f"flet-cluster-check-{secrets.token_hex(8)} ü.bin")


def _origins(settings: Settings, given: Sequence[str]) -> tuple[str, ...]:
    found = [*given] or [origin for origin in settings.allowed_origins if origin != "*"]
    return tuple(dict.fromkeys(origin.rstrip("/") for origin in found))


async def _folder_steps(settings: Settings) -> AsyncIterator[Step]:
    blobs = blob_store(settings)
    if not isinstance(blobs, LocalBlobs):
        raise SettingsError(_NOWHERE)
    first = await attempt(f"the folder {blobs.root}", blobs.start())
    yield first
    if first.outcome == "ok":
        async for step in Trial(blobs, _key(settings)).steps():
            yield step


async def _bucket_steps(settings: Settings, origins: Sequence[str]) -> AsyncIterator[Step]:
    blobs = blob_store(settings)  # first: it says if boto3 is missing
    from flet_cluster.blobs.s3.store import S3Blobs  # noqa: PLC0415  it imports boto3
    from flet_cluster.blobs.s3.trial import BucketTrial  # noqa: PLC0415  the same

    assert isinstance(blobs, S3Blobs)
    direct = settings.max_upload_size is None
    trial = BucketTrial(blobs, _key(settings), _origins(settings, origins), direct=direct)
    async for step in trial.steps():
        yield step


async def _setting_up(
    settings: Settings, origins: Sequence[str], expire_days: int | None
) -> AsyncIterator[Step]:
    blobs = blob_store(settings)
    from flet_cluster.blobs.s3.setup import Wishes, set_up  # noqa: PLC0415  it imports boto3
    from flet_cluster.blobs.s3.store import S3Blobs  # noqa: PLC0415  the same

    assert isinstance(blobs, S3Blobs)
    prefix = upload_prefix(settings)
    common = prefix.template.partition("{session}")[0].replace("{app}", prefix.app_name).lstrip("/")
    wishes = Wishes(settings.app_name, _origins(settings, origins), common, expire_days)
    async for step in set_up(blobs, wishes):
        yield step
