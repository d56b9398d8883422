"""What an upload may be called, and what a signed URL permits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flet_cluster.blobs.links import NodeLinks, UploadLinks
from flet_cluster.blobs.local import LocalBlobs
from flet_cluster.blobs.names import MAX_NAME, checked
from flet_cluster.blobs.signing import UploadSigner
from flet_cluster.errors import BadBlobName, UploadExpired, UploadRefused

if TYPE_CHECKING:
    from pathlib import Path

GOOD = [
    "a",
    "photo.jpg",
    "some folder/and another/photo of me.jpg",
    "Ünïcode/文件 — 1.pdf",
    "...",
    "a..b",
    ".hidden",
    "100%.txt",
    "50%25.txt",
    "a b+c&d=e?f#g",
    "console.txt",
    "com.txt",
    "x" * 255,
]
BAD = [
    "",
    ".",
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "./x",
    "a//x",
    "a/",
    "/etc/passwd",
    "//host/share",
    "\\x",
    "..\\x",
    "a\\b",
    "C:x",
    "c:/x",
    "%2e%2e/x",
    "%2E%2e%2Fx",
    "%252e%252e%252fx",
    "%2fetc/passwd",
    "a%00.txt",
    "a\0.txt",
    "a\nb",
    "a\x7f",
    "\ud800",
    "CON",
    "nul.txt",
    "a/Aux",
    "com1",
    "LPT9.log",
    "con .txt",
    "x" * 256,
    "ü" * 128,
    "/".join(["x" * 100] * (MAX_NAME // 100 + 1)),
    "%" + "25" * 8 + "2e",
]


@pytest.mark.parametrize("name", GOOD)
def test_names_that_are_fine(name: str) -> None:
    assert checked(name) == name


@pytest.mark.parametrize("name", BAD)
def test_names_that_lead_elsewhere_or_nowhere(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be called") as info:
        checked(name)
    assert isinstance(info.value, BadBlobName)
    assert len(str(info.value)) < 500


OLD, NEW = "an old secret, sixteen at least", "a new secret, sixteen at least"


def parts(query: str) -> tuple[str, int, str]:
    name, expires, signature = (part.partition("=")[2] for part in query.split("&"))
    return name, int(expires), signature


def test_a_signature_is_for_one_thing_only() -> None:
    signer = UploadSigner([NEW, OLD], "app")
    name, expires, signature = parts(signer.query("upload", "a.txt", 1000))
    signer.verify("/upload", name, expires, signature, 999.9)
    with pytest.raises(UploadExpired):
        signer.verify("upload", name, expires, signature, 1000)
    for endpoint, other_name, until in [
        ("other", name, 1000),
        ("upload", "b.txt", 1000),
        ("upload", name, 1001),
    ]:
        with pytest.raises(UploadRefused):
            signer.verify(endpoint, other_name, until, signature, 0)
    for wrong in ("", "x", signature[:-1], signature + "x", "ü", "\ud800", signature.swapcase()):
        with pytest.raises(UploadRefused):
            signer.verify("upload", name, expires, wrong, 0)
    with pytest.raises(UploadRefused):
        UploadSigner([NEW], "another app").verify("upload", name, expires, signature, 0)


def test_keys_may_be_replaced() -> None:
    before, after = UploadSigner([OLD], "app"), UploadSigner([NEW, OLD], "app")
    name, expires, signature = parts(before.query("upload", "a", 1000))
    after.verify("upload", name, expires, signature, 0)
    name, expires, signature = parts(after.query("upload", "a", 1000))
    with pytest.raises(UploadRefused):
        before.verify("upload", name, expires, signature, 0)
    UploadSigner([NEW], "app").verify("upload", name, expires, signature, 0)


class Bucket(LocalBlobs):
    """A store that browsers can write to themselves."""

    def direct_url(self, name: str, seconds: float) -> str | None:
        return f"https://bucket.test/{name}?seconds={seconds:g}"


@pytest.mark.parametrize(
    ("app_path", "path"),
    [("", "/up/load"), ("app1", "/app1/up/load"), ("/proxy/app 1/", "/proxy/app%201/up/load")],
)
def test_where_an_upload_goes(tmp_path: Path, app_path: str, path: str) -> None:
    signer = UploadSigner([NEW], "app")
    links = UploadLinks(LocalBlobs(tmp_path), NodeLinks(signer, "/up/load", clock=lambda: 100.5))
    url = links.url("a b/ü.txt", 60, app_path)
    assert url.startswith(f"{path}?f=a%20b/%C3%BC.txt&e=161&s=")
    through_node = NodeLinks(signer, "/api/up", below_app=False, clock=lambda: 100.5)
    elsewhere = UploadLinks(LocalBlobs(tmp_path), through_node)
    assert elsewhere.url("a", 60, app_path).startswith("/api/up?f=a&e=161&s=")
    with pytest.raises(BadBlobName):
        links.url("../a", 60, app_path)


def test_a_store_that_takes_uploads_itself_cannot_limit_them(tmp_path: Path) -> None:
    links = NodeLinks(UploadSigner([NEW], "app"), "upload")
    bucket = Bucket(tmp_path)
    assert UploadLinks(bucket, links).url("a", 60, "") == "https://bucket.test/a?seconds=60"
    assert UploadLinks(bucket, links, limit=9).url("a", 60, "").startswith("/upload?f=a&")


def test_names_of_unfinished_uploads_are_not_given_out() -> None:
    for name in (".flet-upload-1", "a/.FLET-upload-", "%2eflet-upload-x"):
        with pytest.raises(BadBlobName, match="an upload that has not ended"):
            checked(name)
    assert checked(".flet-upload") == ".flet-upload"
