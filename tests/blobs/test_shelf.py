"""What is in a folder of uploads is read, listed and removed; nothing outside of it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, cast

import pytest
from tests.blobs.content import chunks, content_of, everything, names

from flet_cluster.blobs.local import BATCH, PIECE, LocalBlobs
from flet_cluster.blobs.names import TEMPORARY
from flet_cluster.errors import BadBlobName, BlobError, BlobMissing, BlobStoreUnusable
from flet_cluster.host.upload_files import AsyncUpload
from flet_cluster.http.downloads import _headers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


async def filled(root: Path, *files: str) -> LocalBlobs:
    blobs = LocalBlobs(root)
    for name in files:
        await blobs.write(name, chunks(name.encode()))
    return blobs


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  names are all there is


@pytest.mark.parametrize("size", [0, 1, PIECE, 2 * PIECE + 7])
async def test_what_was_written_is_read(tmp_path: Path, size: int) -> None:
    blobs, content = LocalBlobs(tmp_path), os.urandom(size)
    await blobs.write("a folder/ü 文件.bin", chunks(content))
    assert await content_of(blobs, "a folder/ü 文件.bin") == content
    blob = await blobs.stat("a folder/ü 文件.bin")
    assert (blob.name, blob.size) == ("a folder/ü 文件.bin", size)
    assert blob.modified == (tmp_path / blob.name).stat().st_mtime
    assert [found async for found in blobs.list()] == [blob]


async def test_parts(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    await blobs.write("a", chunks(b"0123456789"))
    assert await content_of(blobs, "a", 3) == b"3456789"
    assert await content_of(blobs, "a", 3, 5) == b"34"
    assert await content_of(blobs, "a", 8, 50) == b"89"
    assert await content_of(blobs, "a", 10) == await content_of(blobs, "a", 50, 60) == b""


async def test_a_file_that_is_replaced_or_removed_is_read_to_its_end(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    for change in (lambda: blobs.write("a", chunks(b"new")), lambda: blobs.delete("a")):
        await blobs.write("a", chunks(b"x" * (2 * PIECE)))
        reading = blobs.read("a")
        begun = await anext(reading)
        await change()
        assert begun + b"".join([piece async for piece in reading]) == b"x" * (2 * PIECE)


async def test_a_file_that_is_cut_short_is_no_shorter_file(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    await blobs.write("a", chunks(b"x" * (2 * PIECE)))
    reading = blobs.read("a")
    await anext(reading)
    os.truncate(tmp_path / "a", 10)
    with pytest.raises(BlobStoreUnusable, match="cut"):
        await anext(reading)


async def test_who_stops_reading_leaves_no_file_open(tmp_path: Path) -> None:
    blobs = await filled(tmp_path, "a")
    await content_of(blobs, "a")
    before = open_files()
    async with contextlib.aclosing(cast("AsyncGenerator[bytes, None]", blobs.read("a"))) as reading:
        await anext(reading)
        assert open_files() == before + 1
    for _ in range(20):
        task = asyncio.create_task(content_of(blobs, "a"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await blobs.stat("a")
    del task
    for _ in range(100):
        if open_files() == before:
            break
        await asyncio.sleep(0.01)
    assert open_files() == before


async def test_what_is_not_there(tmp_path: Path) -> None:
    blobs = await filled(tmp_path / "root", "folder/a")
    (tmp_path / "root" / f"{TEMPORARY}1").write_bytes(b"half")
    for name in ("b", "folder", "folder/b", "folder/a/b", "x" * 255, f"{TEMPORARY}1", f"{TEMPORARY}1/x"):
        for work in (content_of(blobs, name), blobs.stat(name), blobs.delete(name)):
            with pytest.raises(BlobMissing, match="there is no upload"):
                await work
    assert await names(LocalBlobs(tmp_path / "none")) == []
    assert await names(blobs) == ["folder/a"]
    assert issubclass(BlobMissing, LookupError)


async def test_nothing_is_read_through_links_or_from_devices(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"secret")
    blobs = await filled(root, "real/a")
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to(root / "real")
    (root / "link").symlink_to(outside / "file")
    (root / "real" / "link").symlink_to(root / "real" / "a")
    (root / "dangling").symlink_to(outside / "new")
    (root / "loop").symlink_to(root / "loop")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
        for name in (
            "out/file",
            "link",
            "real/link",
            "dangling",
            "loop",
            "pipe",
            "socket",
            "../outside/file",
        ):
            for work in (content_of(blobs, name), blobs.stat(name), blobs.delete(name)):
                with pytest.raises(BadBlobName):
                    await work
        with pytest.raises(BlobError):
            await content_of(blobs, "loop/x")
        assert await names(blobs) == ["real/a"]
        assert await names(blobs, "out/") == await names(blobs, "../outside/") == []
    assert (outside / "file").read_bytes() == b"secret"
    assert await content_of(blobs, "in/a") == b"real/a"


async def test_a_listing_is_sorted_by_name_whatever_is_in_which_folder(tmp_path: Path) -> None:
    files = ["a.b", "a/b", "a/b.c/d", "a/b/c", "a/é", "ab", "a-b/c", "Z", "z", "文/件"]
    files.remove("a/b")  # where a file is there can be no folder
    blobs = await filled(tmp_path, *files)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a" / "no\\name").write_bytes(b"")
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff", os.O_CREAT))
    assert await names(blobs) == sorted(files)
    for prefix in ("a", "a/", "a/b", "a/b/", "a/b/c", "a/b/cd", "a-", "文/", "b", "a/b.c/d/"):
        assert await names(blobs, prefix) == sorted(name for name in files if name.startswith(prefix))


async def test_a_listing_of_many(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    files = [f"{number % 3}/{number:04}" for number in range(3 * BATCH + 5)]
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert await names(blobs) == sorted(files)
    assert await names(blobs, "1/") == sorted(name for name in files if name.startswith("1/"))


async def test_removing(tmp_path: Path) -> None:
    blobs = await filled(tmp_path, "a/b/c", "a/d")
    await blobs.delete("a/b/c")
    assert everything(tmp_path) == ["a", "a/d"]
    await blobs.delete("a/d")
    assert everything(tmp_path) == []
    await blobs.write("a/d", chunks(b"x"))


async def test_removing_and_writing_at_once(tmp_path: Path) -> None:
    """Who removes the last file of a folder takes it away from nobody who begins another."""
    blobs = LocalBlobs(tmp_path)

    async def again(name: str) -> None:
        for _ in range(20):
            await blobs.write(f"folder/{name}", chunks(b"x"))
            await blobs.delete(f"folder/{name}")

    await asyncio.gather(*(again(str(number)) for number in range(4)))
    assert everything(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    blobs = await filled(tmp_path, "folder/a")
    (tmp_path / "folder").chmod(0)
    try:
        for work in (content_of(blobs, "folder/a"), blobs.stat("folder/a"), names(blobs)):
            with pytest.raises(BlobStoreUnusable):
                await work
    finally:
        (tmp_path / "folder").chmod(0o755)


async def test_a_node_serves_what_is_read(tmp_path: Path) -> None:
    assert LocalBlobs(tmp_path).read_url("a", 60) is None


async def test_two_files_of_one_moment_are_not_taken_for_one(tmp_path: Path) -> None:
    """Two uploads of one size that end within a tick of the file system's clock: its times are the same."""
    blobs, found = LocalBlobs(tmp_path), []
    for content in (b"A", b"B"):
        await blobs.write("a", chunks(content))
        os.utime(tmp_path / "a", ns=(10**18, 10**18))
        found.append(await blobs.stat("a"))
    assert found[0].modified == found[1].modified
    assert found[0] != found[1]
    assert _headers(found[0])["ETag"] != _headers(found[1])["ETag"]
    file = AsyncUpload(asyncio.get_running_loop(), blobs, found[0])
    with pytest.raises(BlobStoreUnusable, match="was replaced"):
        await file.read()
