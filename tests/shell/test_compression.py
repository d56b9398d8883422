"""Smaller forms of what a browser loads: which one goes out, where it comes from, what may be kept."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import brotli
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.shell.running import LONG, eventually

from flet_cluster.http.cache import VariantCache
from flet_cluster.http.encoding import CODINGS, accepted, compressed, decompressed, is_compressible
from flet_cluster.http.files import Found, Overlay, digest_of
from flet_cluster.http.index import WebOptions
from flet_cluster.http.precompress import Job, Precompressor, fill, missing
from flet_cluster.http.static import WebClient
from flet_cluster.http.variants import Variants

if TYPE_CHECKING:
    from collections.abc import Iterator

RESUME = b"window.resumed = true"
TEXT = "".join(f"line {n} of a file that is worth compressing\n" for n in range(3000)).encode()
"""Larger than what is compressed at best quality at once."""


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "big.txt").write_bytes(TEXT)
    (folder / "noise.bin").write_bytes(os.urandom(50_000))
    return folder


def user_of(web: WebClient) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://app.test")


def client(assets: Path | None = None, cache: Path | None = None) -> WebClient:
    return WebClient(WebOptions(), assets, RESUME, cache)


def filled(assets: Path, folder: Path) -> VariantCache:
    cache = VariantCache(folder)
    cache.prepare()
    fill(cache, missing(Overlay([assets]), cache))
    return cache


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP;q=1.0, identity; q=0.5, *;q=0", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("*", "br"),
        ("*;q=0.1, br;q=0", "gzip"),
        ("identity, br;q=0.9", None),
        ("br;q=high", None),
        ("deflate", None),
        (";;,,;q=", None),
    ],
)
def test_coding_is_negotiated(header: str, coding: str | None) -> None:
    assert accepted(header) == coding


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("main.dart.wasm", True),
        ("main.dart.MJS", True),
        ("fonts/a.ttf", True),
        ("NOTICES", True),
        ("a.png", False),
        ("a.woff2", False),
        ("a.zip", False),
        ("a", False),
    ],
)
def test_what_is_worth_compressing(name: str, yes: bool) -> None:
    assert is_compressible(name, 1000) is yes
    assert not is_compressible(name, 20)
    assert not is_compressible(name, 1 << 30)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("best", [True, False])
def test_coding_can_be_undone_within_bounds(coding: str, best: bool) -> None:
    body = compressed(TEXT, coding, best=best)
    assert body == compressed(TEXT, coding, best=best), "the same on every node"
    assert decompressed(body, coding, len(TEXT)) == TEXT
    assert decompressed(body, coding, len(TEXT) - 1) is None
    assert decompressed(body[:-5], coding, len(TEXT)) is None
    assert decompressed(b"nonsense", coding, 100) is None
    assert compressed(os.urandom(1000), coding, best=best) == b""


@pytest.mark.parametrize(
    "path", ["/", "/big.txt", "/flet-cluster/resume.js", "/manifest.json", "/main.dart.mjs"]
)
async def test_forms_have_tags_of_their_own_and_each_is_recognized(path: str, assets: Path) -> None:
    """A form that one node sent is known to be good by another, which has nothing to do with the first."""
    tags = {}
    async with user_of(client(assets)) as user, user_of(client(assets)) as other:
        plain = await user.get(path, headers={"Accept-Encoding": "identity"})
        for coding in ("identity", *CODINGS):
            sent = {"Accept-Encoding": coding}
            first, second = await user.get(path, headers=sent), await other.get(path, headers=sent)
            assert first.content == second.content == plain.content
            assert first.headers == second.headers
            tags[coding] = first.headers["etag"]
        for tag in tags.values():
            for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                again = await other.get(path, headers={"If-None-Match": known})
                assert (again.status_code, again.content) == (304, b"")
                assert known == "*" or again.headers["etag"] == tag
                assert again.headers.get("vary") == plain.headers.get("vary")
    distinct = 1 if path.endswith("resume.js") else 3  # it is too short here
    assert len(set(tags.values())) == distinct
    assert not any(tag.startswith("W/") for tag in tags.values())


@pytest.mark.parametrize("coding", CODINGS)
async def test_headers_of_a_smaller_form(coding: str, assets: Path) -> None:
    async with user_of(client(assets)) as user:
        sent = {"Accept-Encoding": coding}
        answer = await user.get("/big.txt", headers=sent)
        head = await user.head("/big.txt", headers=sent)
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert int(answer.headers["content-length"]) < len(TEXT) / 5
    assert "accept-ranges" not in answer.headers
    assert head.headers == answer.headers
    assert head.content == b""


async def test_what_does_not_get_smaller_goes_out_as_it_is(assets: Path) -> None:
    async with user_of(client(assets)) as user:
        noise = await user.get("/noise.bin", headers={"Accept-Encoding": "br"})
        picture = await user.get("/favicon.png", headers={"Accept-Encoding": "br"})
    assert "content-encoding" not in noise.headers
    assert noise.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in picture.headers
    assert "vary" not in picture.headers


async def test_parts_are_parts_of_the_bytes_as_they_are(assets: Path) -> None:
    sent = {"Accept-Encoding": "br", "Range": "bytes=10-19"}
    async with user_of(client(assets)) as user:
        part = await user.get("/big.txt", headers=sent)
        same = await user.get("/big.txt", headers={**sent, "If-Range": part.headers["etag"]})
        packed = (await user.get("/big.txt", headers={"Accept-Encoding": "br"})).headers["etag"]
        other = await user.get("/big.txt", headers={**sent, "If-Range": packed})
    assert (part.status_code, part.content) == (206, TEXT[10:20])
    assert "content-encoding" not in part.headers
    assert (same.status_code, same.content) == (206, TEXT[10:20])
    assert (other.status_code, other.content) == (200, TEXT)


async def test_only_a_url_with_the_contents_hash_may_be_kept(assets: Path) -> None:
    version = digest_of(TEXT)
    async with user_of(client(assets)) as user:
        rules = [
            (await user.get(f"/big.txt?v={asked}")).headers["cache-control"]
            for asked in (version, version[:12], version[:4], "1", "")
        ]
    assert rules == ["public, max-age=31536000, immutable"] * 2 + ["no-cache"] * 3


async def test_the_best_form_takes_over_when_the_cache_has_it(assets: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    web = client(assets, folder)
    web.stop()  # this test fills the cache itself
    sent = {"Accept-Encoding": "br"}
    async with user_of(web) as user:
        fast = await user.get("/big.txt", headers=sent)
        filled(assets, folder)
        best = await user.get("/big.txt", headers=sent)
        assert best.headers["etag"] != fast.headers["etag"], "tags belong to bytes"
        assert int(best.headers["content-length"]) < int(fast.headers["content-length"])
        kept = await user.get("/big.txt", headers={**sent, "If-None-Match": fast.headers["etag"]})
        assert kept.status_code == 304
    assert brotli.compress(TEXT, quality=11) == (folder / f"{digest_of(TEXT)}.br").read_bytes()


async def test_the_cache_is_filled_beside_the_node(assets: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    work = Precompressor(Overlay([assets]), VariantCache(folder))
    work.start()
    work.start()
    digest = digest_of(TEXT)
    await asyncio.to_thread(
        eventually, lambda: not missing(Overlay([assets]), VariantCache(folder)), "the cache is complete"
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert zlib.decompress((folder / f"{digest}.gzip").read_bytes(), 31) == TEXT
    noise = digest_of((assets / "noise.bin").read_bytes())
    assert VariantCache(folder).read(noise, "br", 50_000) == b"", "known not to be worth it"
    work.stop()


def test_the_helper_ends_with_its_node(tmp_path: Path) -> None:
    """However the node ends: its end closes the helper's stdin."""
    command = [sys.executable, "-P", "-m", "flet_cluster.http.precompress"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as helper:
        assert helper.stdin is not None
        helper.stdin.close()
        assert helper.wait(LONG) == 0
    (tmp_path / "slow.js").write_bytes(os.urandom(4 << 20).hex().encode())  # for many seconds
    digest = digest_of((tmp_path / "slow.js").read_bytes())
    work = f'{{"folder": "{tmp_path}", "jobs": [{{"path": "{tmp_path}/slow.js", "digest": "{digest}", '
    with subprocess.Popen(command, stdin=subprocess.PIPE) as helper:
        assert helper.stdin is not None
        helper.stdin.write(f'{work}"coding": "br"}}]}}\n'.encode())
        helper.stdin.flush()
        eventually((tmp_path / ".lock").exists, "it works")
        helper.stdin.close()
        assert helper.wait(LONG) == 0
    assert not (tmp_path / f"{digest}.br").exists()


@pytest.mark.parametrize("kind", ["cut", "changed", "bomb", "link", "folder", "pipe"])
def test_nothing_in_the_cache_is_trusted(kind: str, tmp_path: Path) -> None:
    cache = VariantCache(tmp_path)
    digest = digest_of(TEXT)
    good, file = compressed(TEXT, "br", best=True), tmp_path / f"{digest}.br"
    if kind == "cut":
        file.write_bytes(good[:-10])
    elif kind == "changed":
        file.write_bytes(compressed(TEXT.replace(b"9", b"8"), "br", best=False))
    elif kind == "bomb":
        file.write_bytes(brotli.compress(bytes(100 << 20), quality=1))
    elif kind == "link":
        (tmp_path / "target").write_bytes(good)
        file.symlink_to(tmp_path / "target")
    elif kind == "folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    assert cache.read(digest, "br", len(TEXT)) is None
    if kind == "changed":
        assert not file.exists(), "it will be made again"
    if kind != "folder":
        cache.write(digest, "br", good)
        assert cache.read(digest, "br", len(TEXT)) == good


@pytest.mark.parametrize("place", ["/dev/null/none", "/proc/none"])
async def test_without_a_place_to_write_everything_works(
    place: str, assets: Path, caplog: pytest.LogCaptureFixture
) -> None:
    web = client(assets, Path(place))
    with caplog.at_level("INFO", "flet_cluster"):
        async with user_of(web) as user:
            answer = await user.get("/big.txt", headers={"Accept-Encoding": "br"})
        await asyncio.to_thread(eventually, lambda: caplog.messages, "it is told")
    assert answer.headers["content-encoding"] == "br"
    assert place in caplog.text
    assert "FLET_CLUSTER_CACHE_DIR" in caplog.text


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = VariantCache(tmp_path)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        cache.write("a" * 32, "br", b"x")
    assert list(tmp_path.iterdir()) == []


def test_the_cache_is_bounded(tmp_path: Path) -> None:
    cache = VariantCache(tmp_path)
    for number in range(4):
        cache.write(f"{number:032}", "br", bytes(100))
        os.utime(tmp_path / f"{number:032}.br", (number, number))
    cache.prune(250)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{2:032}.br", f"{3:032}.br"]


def test_one_process_fills_a_cache_at_a_time(tmp_path: Path) -> None:
    with VariantCache(tmp_path).alone() as first, VariantCache(tmp_path).alone() as second:
        assert (first, second) == (True, False)
    with VariantCache(tmp_path).alone() as third:
        assert third


async def test_memory_for_forms_is_bounded() -> None:
    variants = Variants(most=150)
    content = {digest: digest for digest in (os.urandom(100).hex().encode() for _ in range(3))}
    for body in content:
        await variants.of(digest_of(body), "gzip", len(body), lambda body=body: body)  # type: ignore[misc]
    assert sum(len(kept.body) for kept in variants._kept.values()) <= 150


async def test_a_file_that_changes_while_it_is_read_goes_out_as_it_is(tmp_path: Path) -> None:
    variants = Variants()
    assert await variants.of(digest_of(b"old"), "br", 3, lambda: b"new") is None
    assert await variants.of(digest_of(b"old"), "br", 3, (tmp_path / "gone").read_bytes) is None
    cache = VariantCache(tmp_path)
    (tmp_path / "now.txt").write_bytes(b"new")
    fill(cache, [Job(str(tmp_path / name), digest_of(b"old"), "br") for name in ("now.txt", "gone")])
    assert not cache.has(digest_of(b"old"), "br")


async def test_one_client_under_two_paths() -> None:
    web = client()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Starlette(routes=[Mount("/a", web), Mount("/b", web)])),
        base_url="http://app.test",
    ) as user:
        one, two = await user.get("/a/"), await user.get("/b/")
        files = [await user.get(f"/{place}/main.dart.mjs") for place in "ab"]
    assert '<base href="/a/">' in one.text
    assert '<base href="/b/">' in two.text
    assert one.headers["etag"] != two.headers["etag"]
    assert files[0].headers["etag"] == files[1].headers["etag"]


def test_a_bad_file_does_not_keep_the_others_from_being_compressed(assets: Path, tmp_path: Path) -> None:
    class Fleeting(Overlay):
        """Files may be removed while they are listed."""

        def files(self) -> Iterator[tuple[str, Found]]:
            for name, found in super().files():
                if name == "gone.txt":
                    found.path.unlink()
                yield name, found

    (assets / "gone.txt").write_bytes(TEXT)
    (assets / "loop.txt").symlink_to("loop.txt")
    jobs = missing(Fleeting([assets]), VariantCache(tmp_path / "cache"))
    assert {Path(job.path).name for job in jobs} == {"big.txt", "noise.bin"}


def test_a_helper_that_finds_another_at_work_ends_quietly(tmp_path: Path) -> None:
    """Its stdin stays open as long as its node lives."""
    cache = VariantCache(tmp_path)
    command = [sys.executable, "-m", "flet_cluster.http.precompress"]
    with cache.alone() as alone:
        assert alone
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as helper:
            assert helper.stdin is not None
            assert helper.stderr is not None
            helper.stdin.write(json.dumps({"folder": str(tmp_path), "jobs": []}).encode() + b"\n")
            helper.stdin.flush()
            assert helper.wait(60) == 0
            assert helper.stderr.read() == b""
