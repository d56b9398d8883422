"""The endpoint alone, in somebody's own FastAPI application."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI, Request
from tests.blobs.content import chunks
from tests.cluster.tools import eventually

from flet_cluster.blobs.links import NodeLinks, UploadLinks
from flet_cluster.blobs.local import local_blobs
from flet_cluster.blobs.signing import DOWNLOAD, UploadSigner
from flet_cluster.http import uploads
from flet_cluster.http.uploads import UploadEndpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
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
    made = UploadLinks(local_blobs(tmp_path), NodeLinks(SIGNER, **links))  # type: ignore[arg-type]
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


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def stalled(go_on: asyncio.Event) -> AsyncIterator[bytes]:
    """A file of which a part comes, and then nothing for a while."""
    yield b"begun"
    await go_on.wait()


async def test_an_upload_of_which_nothing_comes_is_given_up(
    application: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "SILENCE_SECONDS", 0.05)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://test"
    ) as browser:
        url = UploadLinks(local_blobs(tmp_path), NodeLinks(SIGNER, "api/upload")).url("a", 60, "some/where")
        answer = await browser.put(url, content=stalled(asyncio.Event()))
        assert (answer.status_code, "has come for" in answer.text) == (408, True)
    assert files_in(tmp_path) == []


async def test_only_so_many_uploads_go_on_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_AT_ONCE", 3)
    endpoint, go_on = UploadEndpoint(local_blobs(tmp_path), SIGNER, READER), asyncio.Event()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoint), base_url="http://test") as browser:
        url = UploadLinks(local_blobs(tmp_path), NodeLinks(SIGNER, "upload")).url("a", 60, "")
        going_on = [asyncio.ensure_future(browser.put(url, content=stalled(go_on))) for _ in range(3)]
        await eventually(lambda: len(files_in(tmp_path)) == 3, "all are begun")
        refused = await browser.put(url, content=b"one more")
        assert (refused.status_code, refused.json()["error"], "retry-after" in refused.headers) == (
            503,
            "busy",
            True,
        )
        go_on.set()
        assert [answer.status_code for answer in await asyncio.gather(*going_on)] == [204] * 3
        assert (await browser.put(url, content=b"now")).status_code == 204


async def test_a_refused_upload_that_goes_on_ends_with_its_connection(tmp_path: Path) -> None:
    """Else the server would read all of it, for nothing, to get at the next request."""
    endpoint = UploadEndpoint(local_blobs(tmp_path), SIGNER, READER)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoint), base_url="http://test") as browser:
        answer = await browser.put("/upload?f=a&e=1&s=x", content=chunks(b"some", b"more"))
        assert (answer.status_code, answer.headers.get("connection")) == (403, "close")
