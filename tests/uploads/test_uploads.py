"""Uploads over HTTP: one node signs, another takes the file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import socket
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from tests.cluster.tools import eventually, leave, seconds
from tests.fleet import Fleet
from tests.steps import Click
from tests.tab import open_tab
from tests.uploads.site import APP, LIMIT, MEBIBYTE, Site, announced, peak, put, refused, shown, tab_on

from flet_cluster.blobs.local import FORGOTTEN_SECONDS, LocalBlobs
from flet_cluster.blobs.names import TEMPORARY
from flet_cluster.setting_sources import PREFIX as VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("content", [b"", b"x" * 1000, bytes(range(256)) * 20_000])
@pytest.mark.parametrize("name", ["plain.bin", "sub folder/Ünï — 文件 100%.bin"])
async def test_another_node_takes_what_one_has_signed(site: Site, name: str, content: bytes) -> None:
    async with tab_on(site.signer) as tab:
        url = await shown(tab, name)
    assert url.startswith("/upload?f=")
    answer = await put(site.at(url), content)
    assert (answer.status_code, answer.content) == (204, b"")
    assert site.files() == [name]
    assert (site.folder / name).read_bytes() == content


async def test_a_url_is_refused_to_an_app_that_names_another_place(site: Site) -> None:
    async with tab_on(site.signer) as tab:
        names = ("../x", "/etc/passwd", "a/../../b", "%2e%2e/x", "%252e%252e/x", "a\0b", "c:x", "nul", "a\\b")
        for name in names:
            assert (await shown(tab, name)).startswith("BadBlobName: an upload cannot be called")


async def test_a_user_who_takes_all_threads_of_the_loop_keeps_nobody_from_files_and_uploads(
    site: Site,
) -> None:
    async with tab_on(site.taker) as tab:
        await tab.do(Click("fill"))
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(site.at("/main.dart.js"))).status_code == 200
            assert (await browser.get(site.at("/favicon.png"))).status_code == 200
            assert (await browser.put(site.signed("a/b.txt"), content=b"content")).status_code == 204
        assert site.files() == ["a/b.txt"]
        await tab.do(Click("release"))
        assert "URL: none, 40 waited" in tab.client.texts(), "they were taken all the time"


async def test_a_user_who_takes_all_threads_of_the_loop_does_not_keep_a_node_from_leaving(
    site: Site,
) -> None:
    node = site.fleet.add(FLET_CLUSTER_DRAIN_TIMEOUT=seconds(3))
    async with tab_on(node) as tab:
        await tab.do(Click("fill"))
        assert await leave(node) == 0
    assert "it should have stopped by now" not in node.log.read_text()


@pytest.mark.parametrize("missing", ["f", "e", "s"])
def test_incomplete_urls(site: Site, missing: str) -> None:
    url = re.sub(rf"\b{missing}=[^&]*", "", site.signed("a"))
    refused(httpx.put(url, content=b"x"), 400, "Missing upload parameters")
    refused(httpx.put(site.at("/upload"), content=b"x"), 400, "Missing upload parameters")


@pytest.mark.parametrize("expires", ["soon", "1e9", "-1", "٣", "9" * 40, "2030-01-01T00:00:00"])
def test_malformed_urls(site: Site, expires: str) -> None:
    url = re.sub(r"\be=[^&]*", "e=" + quote(expires), site.signed("a"))
    refused(httpx.put(url, content=b"x"), 400, "Invalid expiration parameter")


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/etc/x",
        "%2e%2e/x",
        "%2e%2e%2fx",
        "%252e%252e%252fx",
        "a\0b",
        "..\\x",
        "C:/x",
        "nul",
        "COM1.txt",
    ],
)
def test_names_that_lead_elsewhere_are_refused_even_if_signed(site: Site, name: str) -> None:
    refused(httpx.put(site.signed(name), content=b"x"), 400, "cannot be called")
    raw = site.signed(name).replace("..", "%2e%2e").replace("%2F", "%2f")
    refused(httpx.put(raw, content=b"x"), 400, "cannot be called")
    assert site.files() == []


def test_links_lead_nowhere(site: Site, tmp_path: Path) -> None:
    (site.folder / "out").symlink_to(tmp_path)
    refused(httpx.put(site.signed("out/x"), content=b"x"), 400, "a symbolic link is in its way")
    assert list(tmp_path.iterdir()) == []
    (site.folder / "out").unlink()


def test_signatures_of_others(site: Site) -> None:
    good = site.signed("a")
    for url in (
        good.replace("f=a", "f=b"),
        re.sub(r"\be=(\d+)", lambda found: f"e={int(found[1]) + 1}", good),
        re.sub(r"\bs=[^&]*", "s=x", good),
        site.signed("a", secret="some other secret"),
        site.signed("a", app="another-app"),
        site.signed("a", endpoint="another/upload"),
    ):
        refused(httpx.put(url, content=b"x"), 403, "Invalid upload signature")
    assert site.files() == []


async def test_late(site: Site) -> None:
    refused(await put(site.signed("a", -1), b"x"), 410, "expired")
    async with tab_on(site.signer) as tab:
        url = await shown(tab, "a", 0)
    await asyncio.sleep(1)
    refused(await put(site.at(url), b"x"), 410, "expired")
    assert site.files() == []


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "OPTIONS", "GET"])
def test_other_methods(site: Site, method: str) -> None:
    answer = httpx.request(method, site.signed("a"))
    refused(answer, 405, "Method Not Allowed")
    assert answer.headers["allow"] == "PUT"
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_the_app_may_have_the_same_path(site: Site) -> None:
    answer = httpx.get(site.at("/upload"))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_too_large_by_its_own_word(site: Site) -> None:
    """The answer comes before the content is sent."""
    path = site.signed("a").removeprefix(site.at(""))
    status, text = announced(site.taker, path, LIMIT + 1)
    assert status == 413
    assert f"Max upload size exceeded: {LIMIT} bytes" in text
    assert site.files() == []


@pytest.mark.parametrize("announced", [True, False])
def test_too_large_and_sent_all_the_same(site: Site, announced: bool) -> None:
    """No reset takes the answer away, and the connection is good for the next request."""
    small = site.fleet.add(FLET_MAX_UPLOAD_SIZE="1MB")
    path = site.signed("sub/a").removeprefix(site.at(""))
    with closing(HTTPConnection("127.0.0.1", small.port, timeout=20)) as client:
        length = {"Content-Length": str(20 * MEBIBYTE)} if announced else {}
        content = (bytes(MEBIBYTE) for _ in range(20))
        client.request("PUT", path, content, length, encode_chunked=not announced)
        answer = client.getresponse()
        assert answer.status == 413
        said = json.loads(answer.read())
        assert said == {"error": "too-large", "detail": "Max upload size exceeded: 1000000 bytes"}
        assert list(site.folder.iterdir()) == []
        client.request("PUT", path, b"x")
        assert client.getresponse().status == 204
    small.terminate()


def test_cut_off(site: Site) -> None:
    path = site.signed("sub/a").removeprefix(site.at(""))
    with socket.create_connection(("127.0.0.1", site.taker.port), timeout=20) as client:
        client.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode())
        client.sendall(b"x" * 3_000_000)
        asyncio.run(eventually(site.files, "a part of the file"))
        assert TEMPORARY in site.files()[0]
    asyncio.run(eventually(lambda: not list(site.folder.iterdir()), "it is gone"))


def test_a_node_dies_in_the_middle(site: Site) -> None:
    """What it leaves is hidden, another node takes the file, and a later one sweeps."""
    node = site.fleet.add()
    path = site.signed("sub/a").removeprefix(site.at(""))
    with socket.create_connection(("127.0.0.1", node.port), timeout=20) as client:
        client.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode())
        client.sendall(b"x" * 3_000_000)
        asyncio.run(eventually(site.files, "a part of the file"))
        node.kill()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    (left,) = site.files()
    assert left.startswith(f"sub/{TEMPORARY}")
    assert asyncio.run(listed(site)) == []
    assert httpx.put(site.at(path), content=b"again").status_code == 204
    assert asyncio.run(listed(site)) == ["sub/a"]
    long_ago = time.time() - FORGOTTEN_SECONDS - 60
    os.utime(site.folder / left, (long_ago, long_ago))
    later = site.fleet.add()
    asyncio.run(eventually(lambda: site.files() == ["sub/a"], "it is gone"))
    later.terminate()


async def listed(site: Site) -> list[str]:
    """What a node that looks into the folder sees."""
    return [blob.name async for blob in LocalBlobs(site.folder).list()]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_stays_flat_and_the_limit_holds(site: Site) -> None:
    """Sent in chunks: nobody says beforehand how much it is."""

    def content(size: int) -> Iterator[bytes]:
        for _ in range(size // MEBIBYTE):
            yield bytes(MEBIBYTE)

    httpx.put(site.signed("warm"), content=content(8 * MEBIBYTE), timeout=60)
    before = peak(site.taker)
    assert httpx.put(site.signed("a"), content=content(120 * MEBIBYTE), timeout=60).status_code == 204
    assert (site.folder / "a").stat().st_size == 120 * MEBIBYTE
    answer = httpx.put(site.signed("b"), content=content(200 * MEBIBYTE), timeout=60)
    refused(answer, 413, "Max upload size exceeded")
    assert peak(site.taker) - before < 64 * MEBIBYTE
    asyncio.run(eventually(lambda: site.files() == ["a", "warm"], "no more than that"))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
def test_no_room(site: Site) -> None:
    """The system refuses to let the node write on, as it does when a disk or a quota is full."""
    process, unlimited = (
        site.taker.process.pid,
        resource.prlimit(site.taker.process.pid, resource.RLIMIT_FSIZE),
    )
    resource.prlimit(process, resource.RLIMIT_FSIZE, (2_000_000, unlimited[1]))
    try:
        refused(httpx.put(site.signed("in/a"), content=b"x" * 3_000_000), 507, "no room")
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, unlimited)
    assert list(site.folder.iterdir()) == []
    assert httpx.put(site.signed("in/a"), content=b"x" * 3_000_000).status_code == 204


async def test_without_a_folder(valkey: str, tmp_path: Path) -> None:
    fleet = Fleet(APP, valkey, tmp_path)
    try:
        node = fleet.add()
        async with tab_on(node) as tab:
            text = await shown(tab, "a")
        assert text.startswith("UploadsDisabled: page.get_upload_url needs a folder")
        assert VARIABLE not in text
        assert (await put(f"http://127.0.0.1:{node.port}/upload", b"")).status_code == 405
    finally:
        fleet.stop()


async def test_below_a_path(valkey: str, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    fleet = Fleet(APP, valkey, tmp_path)
    env = {
        "FLET_UPLOAD_DIR": str(tmp_path / "files"),
        "FLET_WEB_APP_PATH": "/tools/app",
        "FLET_WEBSOCKET_HANDLER_ENDPOINT": "/api/ws",
    }
    try:
        node = fleet.spawn(**env, FLET_UPLOAD_HANDLER_ENDPOINT="/take/it/")
        fleet.wait_ready(node)
        place = f"ws://127.0.0.1:{node.port}/tools/app/api/ws"
        async with open_tab(lambda: [place]) as tab:
            url = await shown(tab, "a b")
        assert url.startswith("/tools/app/take/it?f=a%20b&")
        assert (await put(f"http://127.0.0.1:{node.port}{url}", b"x")).status_code == 204
        assert (tmp_path / "files" / "a b").read_bytes() == b"x"
    finally:
        fleet.stop()
