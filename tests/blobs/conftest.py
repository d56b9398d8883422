"""The stores that the contract is shown for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.storage import KEYS, REGION

from flet_cluster.blobs.local import LocalBlobs
from flet_cluster.blobs.s3.connection import Connection, connect
from flet_cluster.blobs.s3.options import S3Options
from flet_cluster.blobs.s3.store import S3Blobs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage import Storage


@pytest.fixture
def local(tmp_path: Path) -> LocalBlobs:
    """A folder, which is not there yet."""
    return LocalBlobs(tmp_path / "uploads")


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


_made: list[Connection] = []


@pytest.fixture
def s3_connected(s3: S3Blobs) -> S3Blobs:
    """The same, with the client of the tests before: to make one takes boto3 longer than most tests do."""
    if not _made:
        _made.append(connect(s3.options))
    s3._connection = replace(_made[0], options=s3.options)
    return s3
