"""What an operator is told of the place that uploads go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fleet import SECRET

from flet_cluster.blobs.shared import is_shared
from flet_cluster.settings import Settings
from flet_cluster.uploading import upload_prefix, upload_remark

if TYPE_CHECKING:
    from pathlib import Path

NODES = {"redis_url": "redis://redis.internal:6379", "secret_key": SECRET}
MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
36 22 0:31 / /srv/our\\040files rw,relatime shared:1 - nfs4 server:/files rw
37 36 8:2 / /srv/our\\040files/fast rw - xfs /dev/sdb1 rw
38 22 0:40 / /srv/bucket rw - fuse.s3fs s3fs rw
"""


def test_nodes_on_a_disk_of_their_own_are_told(tmp_path: Path) -> None:
    remark = upload_remark(Settings.model_validate({**NODES, "upload_dir": tmp_path}))
    assert f"uploads go to {tmp_path} on this machine's own disk" in remark
    assert "Name a bucket (FLET_CLUSTER_S3_BUCKET), or mount a folder there that all nodes share" in remark


@pytest.mark.parametrize("url", [None, "unix:///run/valkey.sock"])
def test_one_machine_is_not(tmp_path: Path, url: str | None) -> None:
    """The embedded Valkey is on a unix socket, too."""
    settings = Settings.model_validate({**NODES, "redis_url": url, "upload_dir": tmp_path})
    assert upload_remark(settings) == ""


def test_uploads_among_the_assets_are_no_good_idea(tmp_path: Path) -> None:
    settings = Settings.model_validate({"upload_dir": tmp_path / "uploads", "assets_dir": tmp_path})
    remark = upload_remark(settings)
    assert f"uploads go to {tmp_path / 'uploads'}, which is among the app's own files in {tmp_path}" in remark
    assert "without a signed URL. Name a folder elsewhere (FLET_UPLOAD_DIR, upload_dir=…)" in remark
    assert upload_remark(settings.with_values(upload_dir=tmp_path.with_name("elsewhere"))) == ""


def test_the_bucket_wins(tmp_path: Path) -> None:
    both = Settings.model_validate({**NODES, "upload_dir": tmp_path, "s3_bucket": "our-uploads"})
    assert upload_remark(both) == (
        f"uploads go to the bucket 'our-uploads' (FLET_CLUSTER_S3_BUCKET); the folder {tmp_path} "
        "(FLET_UPLOAD_DIR, upload_dir=…) is not used"
    )
    assert upload_remark(both.with_values(upload_dir=None)) == ""


@pytest.mark.parametrize(
    ("folder", "shared"),
    [
        ("/srv/our files/app/uploads", True),
        ("/srv/our files", True),
        ("/srv/our files/fast/x", False),
        ("/srv/our files, too", False),
        ("/srv/bucket/x", True),
        ("/var/uploads", False),
    ],
)
def test_folders_that_machines_share(tmp_path: Path, folder: str, shared: bool) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS)
    assert is_shared(type(tmp_path)(folder), table) is shared
    assert not is_shared(type(tmp_path)(folder), tmp_path / "none")


def test_prefixes_by_default() -> None:
    def template(**fields: str) -> str:
        return upload_prefix(Settings.model_validate({"app_name": "shop", **fields})).template

    assert template() == ""
    assert template(s3_bucket="our-uploads") == "{app}/{session}/"
    assert template(s3_bucket="our-uploads", upload_prefix="/") == ""
    assert template(upload_prefix="{session}") == "{session}/"
