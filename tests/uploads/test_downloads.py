"""Uploads are read over HTTP by whoever has a URL for that: from any node, in parts, and with no harm."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from tests.cluster.tools import eventually
from tests.uploads.site import MEBIBYTE, Site, peak, refused

CONTENT = bytes(range(256)) * 4000


def stored(site: Site, name: str, content: bytes = CONTENT) -> str:
    """Upload something; return a URL to read it."""
    assert httpx.put(site.signed(name), content=content).status_code == 204
    return site.readable(name)


@pytest.mark.parametrize("name", ["plain.bin", "sub folder/Ünï — 文件 100%.bin"])
def test_what_was_uploaded_is_read(site: Site, name: str) -> None:
    url = stored(site, name)
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    head = httpx.head(url)
    assert (head.status_code, head.content) == (200, b"")
    sizes = {answer.headers["content-length"], head.headers["content-length"]}
    assert sizes == {str(len(CONTENT))}
    assert httpx.get(stored(site, "empty", b"")).content == b""


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, None),
        ("bytes=0-0", 0, 1),
        ("bytes=100-299999", 100, 300_000),
        ("bytes=1000000-9999999", 1_000_000, None),
        ("bytes=-5", len(CONTENT) - 5, None),
        ("bytes=-99999999", 0, None),
        ("Bytes=7-9", 7, 10),
    ],
)
def test_parts(site: Site, asked: str, start: int, end: int | None) -> None:
    answer = httpx.get(stored(site, "a.bin"), headers={"Range": asked})
    end = len(CONTENT) if end is None else end
    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=2000000-", "bytes=1024000-1024001", "bytes=-0"])
def test_parts_that_are_not_there(site: Site, asked: str) -> None:
    answer = httpx.get(stored(site, "a.bin"), headers={"Range": asked})
    refused(answer, 416, "Range Not Satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=0-1,5-6", "bytes=-", "lines=0-1", "bytes=٣-", "x"])
def test_what_is_no_range_is_answered_with_all_of_it(site: Site, asked: str) -> None:
    answer = httpx.get(stored(site, "a.bin"), headers={b"Range": asked.encode()})
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_a_copy_is_good_until_the_file_is_replaced(site: Site) -> None:
    url = stored(site, "a.txt")
    tag = httpx.get(url).headers["etag"]
    kept = httpx.get(url, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", tag)
    part = {"Range": "bytes=0-9", "If-Range": tag}
    assert httpx.get(url, headers=part).status_code == 206
    stored(site, "a.txt", b"new")
    assert httpx.get(url, headers={"If-None-Match": tag}).content == b"new"
    assert httpx.get(url, headers=part).content == b"new"


@pytest.mark.parametrize(
    ("name", "kind", "mode"),
    [
        ("a.png", "image/png", "inline"),
        ("a.mp4", "video/mp4", "inline"),
        ("a.TXT", "text/plain; charset=utf-8", "inline"),
        ("a.pdf", "application/pdf", "inline"),
        ("a.html", "text/html; charset=utf-8", "attachment"),
        ("a.svg", "image/svg+xml", "attachment"),
        ("a.js", "text/javascript; charset=utf-8", "attachment"),
        ("a.tar.gz", "application/octet-stream", "attachment"),
        ("a", "application/octet-stream", "attachment"),
        ("data:text;html,a.png", "image/png", "inline"),
    ],
)
def test_a_file_can_do_no_harm_in_the_origin_of_the_app(site: Site, name: str, kind: str, mode: str) -> None:
    headers = httpx.get(stored(site, name, b"<script>alert(1)</script>")).headers
    assert headers["content-type"] == kind
    assert headers["content-disposition"] == f'{mode}; filename="{name}"'
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert policy.endswith("; sandbox") == (name != "a.pdf")
    assert "script" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "private, no-cache"


def test_names_of_files_that_are_saved(site: Site) -> None:
    name = 'in/"Grün" & 文件; 100%.zip'
    sent = httpx.get(stored(site, name)).headers["content-disposition"]
    assert sent == (
        """attachment; filename="_Gr_n_ & __; 100_.zip"; """
        f"filename*=UTF-8''{quote(name.removeprefix('in/'), safe='')}"
    )


def test_a_url_is_for_one_thing(site: Site) -> None:
    """To write is not to read, and the other way round."""
    stored(site, "a")
    for method in ("PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
        answer = httpx.request(method, site.readable("a"), content=b"x")
        refused(answer, 405, "Method Not Allowed")
        assert answer.headers["allow"] == "GET, HEAD"
    answer = httpx.get(site.signed("a"))
    refused(answer, 405, "Method Not Allowed")
    assert answer.headers["allow"] == "PUT"
    assert (site.folder / "a").read_bytes() == CONTENT


def test_signatures_of_others_and_late_ones(site: Site) -> None:
    good = stored(site, "a")
    stored(site, "b")
    for url in (
        good.replace("f=a", "f=b"),
        re.sub(r"\be=(\d+)", lambda found: f"e={int(found[1]) + 1}", good),
        re.sub(r"\bs=[^&]*", "s=x", good),
        site.readable("a", secret="some other secret"),
        site.readable("a", app="another-app"),
    ):
        refused(httpx.get(url), 403, "Invalid upload signature")
    refused(httpx.get(site.readable("a", -1)), 410, "expired")
    refused(httpx.get(re.sub(r"\be=[^&]*", "", good)), 400, "Missing upload parameters")
    refused(httpx.get(re.sub(r"\be=[^&]*", "e=x", good)), 400, "Invalid expiration parameter")


def test_what_is_not_there(site: Site) -> None:
    stored(site, "folder/a")
    (site.folder / ".flet-upload-1").write_bytes(b"half")
    for name in ("b", "folder", "folder/b", "folder/a/b"):
        refused(httpx.get(site.readable(name)), 404, "there is no upload")
    refused(httpx.get(site.readable(".flet-upload-1")), 400, "cannot be")


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "%2e%2e/x", "%252e%252e/x", "a\0b", "..\\x", "C:/x", "nul"]
)
def test_names_that_lead_elsewhere_are_refused_even_if_signed(site: Site, name: str) -> None:
    refused(httpx.get(site.readable(name)), 400, "cannot be called")


def test_links_lead_nowhere(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (site.folder / "out").symlink_to(tmp_path)
    (site.folder / "file").symlink_to(tmp_path / "secret")
    for name in ("out/secret", "file"):
        refused(httpx.get(site.readable(name)), 400, "a symbolic link is in its way")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
def test_a_browser_that_leaves_or_is_slow(site: Site) -> None:
    """The file is closed when it has gone, and is not read ahead into memory while it waits."""
    with (site.folder / "a").open("wb") as file:
        file.truncate(120 * MEBIBYTE)
    path = site.readable("a").removeprefix(site.at(""))
    httpx.get(site.readable("a"), headers={"Range": f"bytes=0-{8 * MEBIBYTE}"})
    before = peak(site.taker)
    with socket.create_connection(("127.0.0.1", site.taker.port), timeout=20) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        asyncio.run(eventually(lambda: is_open(site), "it is read"))
    asyncio.run(eventually(lambda: not is_open(site), "it is closed"))
    with httpx.stream("GET", site.readable("a")) as answer:
        assert sum(len(piece) for piece in answer.iter_raw(MEBIBYTE)) == 120 * MEBIBYTE
    assert peak(site.taker) - before < 16 * MEBIBYTE


def is_open(site: Site) -> bool:
    """Whether the node has the file open."""
    for handle in Path(f"/proc/{site.taker.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if handle.readlink() == site.folder / "a":
                return True
    return False
