"""The endpoint alone, in somebody's own FastAPI application."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI, Request

from flet_cluster.blobs.links import UploadLinks
from flet_cluster.blobs.local import local_blobs
from flet_cluster.blobs.signing import DOWNLOAD, UploadSigner
from flet_cluster.http.uploads import UploadEndpoint

if TYPE_CHECKING:
    from pathlib import Path

KEYS = ["a secret for tests only, long enough"]
SIGNER, READER = UploadSigner(KEYS, ""), UploadSigner(KEYS, "", DOWNLOAD)


@pytest.fixture
def application(tmp_path: Path) -> FastAPI:
    inner, outer = FastAPI(), FastAPI()

    @inner.put("/api/upload")
    async def take(request: Request) -> None:
        await UploadEndpoint(local_blobs(tmp_path), SIGNER, READER, limit=10).handle(request)

    outer.mount("/some/where", inner)
    return outer


@pytest.mark.parametrize(
    "links",
    [
        {"endpoint": "api/upload"},
        {"endpoint": "/some/where/api/upload", "below_app": False},
    ],
)
async def test_where_it_is_mounted_does_not_matter(
    application: FastAPI, tmp_path: Path, links: dict[str, object]
) -> None:
    made = UploadLinks(local_blobs(tmp_path), SIGNER, **links)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
        url = made.url("a/b", 60, "some/where")
        assert url.startswith("/some/where/api/upload?")
        assert (await browser.put(url, content=b"content")).status_code == 200
        assert (tmp_path / "a" / "b").read_bytes() == b"content"
        answer = await browser.put(url, content=b"too long for it")
        assert (answer.status_code, answer.json()) == (413, {"detail": "Max upload size exceeded: 10 bytes"})
        elsewhere = SIGNER.query("other/upload", "a/b", int(time.time()) + 60)
        answer = await browser.put(f"/some/where/api/upload?{elsewhere}", content=b"x")
        assert (answer.status_code, answer.json()) == (403, {"detail": "Invalid upload signature"})
