"""Uploads to a bucket over HTTP: straight to it, or through any node where a limit has to hold."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI, Request
from tests.cluster.tools import eventually
from tests.fleet import SECRET, Fleet
from tests.shell.running import free_port
from tests.uploads.site import APP, MEBIBYTE, announced, peak, put, refused, shown, tab_on
from tests.uploads.test_app_files import told

from flet_cluster.blobs.signing import UploadSigner
from flet_cluster.fastapi import FletUpload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.fleet import FleetNode
    from tests.storage import Storage

LIMIT = 150_000_000


@dataclass
class Site:
    """Two nodes and a bucket."""

    fleet: Fleet
    storage: Storage
    bucket: str

    @property
    def taker(self) -> FleetNode:
        return self.fleet.nodes[-1]

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.taker.port}{path}"

    def signed(self, name: str) -> str:
        """A URL as any node signs it."""
        signer = UploadSigner([SECRET], self.fleet.app_name)
        return self.at("/upload?" + signer.query("upload", name, int(time.time() + 60)))

    def keys(self) -> list[str]:
        return self.storage.keys(self.bucket)

    def is_empty(self) -> bool:
        return self.keys() == [] and self.storage.unfinished(self.bucket) == []


@contextlib.contextmanager
def serving(weed: Storage, valkey: str, folder: Path, env: Mapping[str, str]) -> Iterator[Site]:
    bucket = weed.bucket()
    fleet = Fleet(APP, valkey, folder, {**weed.env(bucket), **env})
    try:
        for node in [fleet.spawn() for _ in range(2)]:
            fleet.wait_ready(node)
        yield Site(fleet, weed, bucket)
        assert "Traceback" not in fleet.logs()
    finally:
        fleet.stop()


@pytest.fixture(scope="module")
def direct(weed: Storage, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    own = {"FLET_UPLOAD_DIR": str(tmp_path_factory.mktemp("unused"))}
    with serving(weed, valkey, tmp_path_factory.mktemp("direct"), own) as site:
        yield site


@pytest.fixture(scope="module")
def limited(weed: Storage, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    env = {"FLET_MAX_UPLOAD_SIZE": str(LIMIT)}
    with serving(weed, valkey, tmp_path_factory.mktemp("limited"), env) as site:
        yield site


# -- straight to the bucket -------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"x" * 1000, bytes(range(256)) * 20_000])
@pytest.mark.parametrize("name", ["plain.bin", "sub folder/Ünï — 文件 100%.bin"])
async def test_the_url_is_the_buckets(direct: Site, name: str, content: bytes) -> None:
    before = set(direct.keys())
    async with tab_on(direct.fleet.nodes[0]) as tab:
        url = await shown(tab, name)
        assert url.startswith(f"{direct.storage.endpoint}/{direct.bucket}/")
        answer = await put(url, content)
        session = tab.client.browser.session_id or ""
    assert answer.status_code == 200, "Flet's client takes 200 to 204"
    (key,) = set(direct.keys()) - before
    assert re.fullmatch(rf"{direct.fleet.app_name}/[0-9a-f]{{32}}/{re.escape(name)}", key)
    assert not session or session not in key
    assert direct.storage.content(direct.bucket, key) == content


async def test_each_session_has_a_folder(direct: Site) -> None:
    folders = set()
    for node in direct.fleet.nodes:
        async with tab_on(node) as tab:
            urls = [await shown(tab, "a"), await shown(tab, "b")]
            of_this = {url.partition("?")[0].rpartition("/")[0] for url in urls}
            assert len(of_this) == 1
            folders |= of_this
    assert len(folders) == 2


async def test_names_that_lead_elsewhere(direct: Site) -> None:
    async with tab_on(direct.fleet.nodes[0]) as tab:
        for name in ("../x", "/etc/passwd", "a/../../b", "nul", "a\\b", ""):
            assert (await shown(tab, name)).startswith("BadBlobName: an upload cannot be called")


def test_where_uploads_go_is_said(direct: Site) -> None:
    for node in direct.fleet.nodes:
        assert f"uploads go to the bucket '{direct.bucket}'" in node.log.read_text()


# -- reading back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_app_reads_what_is_in_the_bucket(direct: Site, kind: str) -> None:
    name = "in/Ünï — 文件 1.txt"
    async with tab_on(direct.fleet.nodes[0]) as tab, tab_on(direct.fleet.nodes[1]) as another:
        assert (await put(await shown(tab, name), b"0123456789")).status_code == 200
        assert await told(tab, kind, "list:") == f"[('{name}', 10)]"
        assert await told(tab, kind, f"read:{name}") == "b'0123456789'"
        assert await told(tab, kind, f"stat:{name}") == "10"
        assert await told(tab, kind, f"open:{name}") == "(10, b'123', b'89', b'456789')"
        url = (await told(tab, kind, f"url:{name}")).strip("'")
        assert url.startswith(f"{direct.storage.endpoint}/{direct.bucket}/")
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(url)).content == b"0123456789"
        assert await told(another, kind, "list:") == "[]", "another session's files are its own"
        assert await told(tab, kind, f"delete:{name}") == "None"
        missing = await told(tab, kind, f"read:{name}")
        assert missing.startswith("BlobMissing: there is no upload ")
        assert name in missing


# -- through a node ---------------------------------------------------------------------------------


async def test_another_node_takes_it_if_there_is_a_limit(limited: Site) -> None:
    async with tab_on(limited.fleet.nodes[0]) as tab:
        url = await shown(tab, "Ü 1/a.bin")
    assert url.startswith("/upload?f=")
    content = os.urandom(20_000_000)
    answer = await put(limited.at(url), content)
    assert (answer.status_code, answer.content) == (204, b"")
    (key,) = limited.keys()
    assert re.fullmatch(rf"{limited.fleet.app_name}/[0-9a-f]{{32}}/Ü 1/a\.bin", key)
    assert limited.storage.content(limited.bucket, key) == content
    limited.storage.client().delete_object(Bucket=limited.bucket, Key=key)


def test_names_are_looked_at_again(limited: Site) -> None:
    for name in ("../x", "/etc/x", "%2e%2e/x", "a\0b", "nul"):
        refused(httpx.put(limited.signed(name), content=b"x"), 400, "cannot be called")
    assert limited.is_empty()


def test_too_large_by_its_own_word(limited: Site) -> None:
    path = limited.signed("a").removeprefix(limited.at(""))
    status, text = announced(limited.taker, path, LIMIT + 1)
    assert status == 413
    assert f"Max upload size exceeded: {LIMIT} bytes" in json.loads(text)["detail"]
    assert limited.is_empty()


def test_cut_off(limited: Site) -> None:
    path = limited.signed("sub/a").removeprefix(limited.at(""))
    with socket.create_connection(("127.0.0.1", limited.taker.port), timeout=20) as client:
        client.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\n".encode())
        client.sendall(b"x" * 20_000_000)
        parts = lambda: limited.storage.unfinished(limited.bucket)  # noqa: E731  it is short
        asyncio.run(eventually(parts, "a part of the file"))
    asyncio.run(eventually(limited.is_empty, "it is gone"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_stays_flat_and_the_limit_holds(limited: Site) -> None:
    """Sent in chunks: nobody says beforehand how much it is."""

    def content(size: int) -> Iterator[bytes]:
        for _ in range(size // MEBIBYTE):
            yield bytes(MEBIBYTE)

    httpx.put(limited.signed("warm"), content=content(MEBIBYTE), timeout=60)
    before = peak(limited.taker)
    assert httpx.put(limited.signed("a"), content=content(120 * MEBIBYTE), timeout=60).status_code == 204
    with contextlib.suppress(httpx.WriteError):  # the node need not read what it will not keep
        answer = httpx.put(limited.signed("b"), content=content(200 * MEBIBYTE), timeout=60)
        refused(answer, 413, "Max upload size exceeded")
    assert peak(limited.taker) - before < 64 * MEBIBYTE
    asyncio.run(eventually(lambda: limited.keys() == ["a", "warm"], "no more than that"))
    assert limited.storage.client().head_object(Bucket=limited.bucket, Key="a")["ContentLength"] == 120 << 20
    for key in ("a", "warm"):
        limited.storage.client().delete_object(Bucket=limited.bucket, Key=key)
    assert limited.is_empty()


def test_the_bucket_is_gone(limited: Site) -> None:
    client = limited.storage.client()
    client.delete_bucket(Bucket=limited.bucket)
    for size in (10, 20_000_000):
        refused(httpx.put(limited.signed("a"), content=b"x" * size), 502, "the store of uploads is gone")
    assert "NoSuchBucket" in limited.taker.log.read_text(), "the operator reads why"
    client.create_bucket(Bucket=limited.bucket)
    assert httpx.put(limited.signed("a"), content=b"x").status_code == 204
    client.delete_object(Bucket=limited.bucket, Key="a")


async def test_an_endpoint_in_a_route_of_ones_own(
    weed: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever mounts it knows of no bucket; the operator names one all the same."""
    bucket = weed.bucket()
    for name, value in {**weed.env(bucket), "FLET_SECRET_KEY": SECRET}.items():
        monkeypatch.setenv(name, value)
    taking, application = FletUpload(tmp_path / "uploads", max_upload_size=1000), FastAPI()

    @application.put("/upload")
    async def take(request: Request) -> None:
        await taking.handle(request)

    query = UploadSigner([SECRET], "").query("upload", "a/b.txt", int(time.time() + 60))
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
        assert (await browser.put(f"/upload?{query}", content=b"content")).status_code == 200
        assert (await browser.put(f"/upload?{query}", content=b"x" * 1001)).status_code == 413
    assert weed.content(bucket, "a/b.txt") == b"content"
    assert not (tmp_path / "uploads").exists()


async def test_the_server_is_down(
    weed: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    env = {**weed.env("bucket"), "FLET_SECRET_KEY": SECRET}
    for name, value in {**env, "FLET_CLUSTER_S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}.items():
        monkeypatch.setenv(name, value)
    taking, application = FletUpload(tmp_path / "uploads"), FastAPI()

    @application.put("/upload")
    async def take(request: Request) -> None:
        await taking.handle(request)

    query = UploadSigner([SECRET], "").query("upload", "a", int(time.time() + 60))
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
        answer = await browser.put(f"/upload?{query}", content=b"x")
    assert (answer.status_code, answer.json()) == (502, {"detail": "the store of uploads does not answer"})
    assert "Could not connect to the endpoint URL" in caplog.text, "the operator reads why"


# -- at start ---------------------------------------------------------------------------------------


def start_fails(env: Mapping[str, str], folder: Path) -> str:
    """Start a node that does not come up; return what it says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLET_", "AWS_"))}
    none = {name: str(folder / "none") for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    done = subprocess.run(
        [sys.executable, "-m", "flet_cluster.cli", "run", APP, "--port", "0", "--no-browser"],
        env={**kept, **none, "AWS_EC2_METADATA_DISABLED": "true", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_cannot_work_is_said_at_start(weed: Storage, tmp_path: Path) -> None:
    assert "flet-cluster storage init makes it" in start_fails(weed.env("no-such-bucket"), tmp_path)
