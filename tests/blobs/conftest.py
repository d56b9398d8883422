"""The stores that the contract is shown for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.storage import KEYS, REGION

from flet_cluster.blobs.s3.options import S3Options
from flet_cluster.blobs.s3.store import S3Blobs

if TYPE_CHECKING:
    from tests.storage import Storage


@pytest.fixture
def bucket(weed: Storage, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh bucket, and the keys for it in the environment."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return weed.bucket()


@pytest.fixture
def s3(weed: Storage, bucket: str) -> S3Blobs:
    """A store in it, not started."""
    return S3Blobs(S3Options(bucket, weed.endpoint, REGION))
