"""``flet_cluster.uploads(page)``: files that are open, long lists, and code that runs anywhere."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import zipfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import flet_cluster
from flet_cluster.blobs.links import NodeLinks
from flet_cluster.blobs.local import LocalBlobs
from flet_cluster.blobs.prefix import UploadPrefix
from flet_cluster.blobs.reading import ReadLinks
from flet_cluster.blobs.signing import DOWNLOAD, UploadSigner
from flet_cluster.errors import BadBlobName, BlobMissing, BlobStoreUnusable, UploadsDisabled
from flet_cluster.host.loops import WorkerLoop, guard_loop, task_watcher
from flet_cluster.host.upload_files import AHEAD
from flet_cluster.host.uploads import BATCH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SIGNER = UploadSigner(["a secret for tests only, long enough"], "app", DOWNLOAD)


def page_of(root: Path | None, prefix: str = "", *, web: bool = True) -> Any:
    """As much of a page as its files need, on the running loop."""
    links, place = NodeLinks(SIGNER, "upload"), UploadPrefix(prefix, "app")
    reading = None if root is None else ReadLinks(LocalBlobs(root), links, prefix=place)
    host = SimpleNamespace(loop=asyncio.get_running_loop(), uploads=SimpleNamespace(reading=reading))
    client = SimpleNamespace(name="my/app", url="wss://example.com:8000/my/app")
    live = SimpleNamespace(id="1", gone=False, host=host, client=client)
    page = SimpleNamespace(session=SimpleNamespace(live=live), get_upload_url=None, web=web)
    live.page = page
    return page


async def write(root: Path, name: str, content: bytes) -> None:
    async def once() -> AsyncIterator[bytes]:
        yield content

    await LocalBlobs(root).write(name, once())


async def test_a_file_is_any_binary_file(tmp_path: Path) -> None:
    packed = io.BytesIO()
    content = os.urandom(3 * AHEAD + 17)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("big", content)
        archive.writestr("small", b"small")
    await write(tmp_path, "a/b.zip", packed.getvalue())
    files = flet_cluster.uploads(page_of(tmp_path))

    def work() -> None:
        with files.open("a/b.zip") as file, zipfile.ZipFile(file) as archive:
            assert archive.read("small") == b"small"
            assert archive.read("big") == content
        with files.open("a/b.zip") as file:
            assert file.name == "b.zip"
            assert file.read() == packed.getvalue()
            assert file.read(1) == b""
            assert file.seek(-5, io.SEEK_END) == len(packed.getvalue()) - 5
            assert file.read() == packed.getvalue()[-5:]
            assert file.seek(10**9) == 10**9
            assert file.read() == b""
            with pytest.raises(ValueError, match="negative"):
                file.seek(-1)
            with pytest.raises(io.UnsupportedOperation):
                file.write(b"x")
        with pytest.raises(ValueError, match="closed"):
            file.read()
        assert files.read("a/b.zip", 3, 9) == packed.getvalue()[3:9]

    await asyncio.to_thread(work)
    async with await files.aopen("a/b.zip") as file:
        assert (file.name, file.size) == ("b.zip", len(packed.getvalue()))
        assert b"".join([piece async for piece in file]) == packed.getvalue()
        assert file.tell() == file.size
        file.seek(0)
        assert await file.read(7) + await file.read() == packed.getvalue()


async def test_two_files_are_never_mixed(tmp_path: Path) -> None:
    await write(tmp_path, "a", b"x" * (2 * AHEAD))
    files = flet_cluster.uploads(page_of(tmp_path))
    blocking = await asyncio.to_thread(files.open, "a")
    awaiting = await files.aopen("a")
    assert await asyncio.to_thread(blocking.read, 10) == await awaiting.read(10) == b"x" * 10
    await write(tmp_path, "a", b"y" * (2 * AHEAD))
    with pytest.raises(BlobStoreUnusable, match="replaced while it was read"):
        await asyncio.to_thread(blocking.read, 2 * AHEAD)
    with pytest.raises(BlobStoreUnusable, match="replaced while it was read"):
        await awaiting.read(10)
    await files.adelete("a")
    with pytest.raises(BlobMissing):
        await awaiting.read(10)


async def test_long_lists_and_lists_that_are_left(tmp_path: Path) -> None:
    for number in range(2 * BATCH + 3):
        (tmp_path / f"{number:05}").write_bytes(b"")
    files = flet_cluster.uploads(page_of(tmp_path))
    names = [f"{number:05}" for number in range(2 * BATCH + 3)]
    assert [file.name async for file in files.alist()] == names
    assert await asyncio.to_thread(lambda: [file.name for file in files.list()]) == names
    left = files.list()
    assert (await asyncio.to_thread(next, left)).name == names[0]
    del left  # here on the loop, where nothing may wait


async def test_a_session_with_a_prefix_sees_its_own_files(tmp_path: Path) -> None:
    for name in ("1/a", "1/b/c", "2/a", "12"):
        await write(tmp_path, name, name.encode())
    files = flet_cluster.uploads(page_of(tmp_path, "1/"))
    assert [file.name async for file in files.alist()] == ["a", "b/c"]
    assert [file.name async for file in files.alist("b/")] == ["b/c"]
    assert await files.aread("a") == b"1/a"
    assert (await files.astat("b/c")).name == "b/c"
    assert "?f=1/a&" in files.url("a")
    for name in ("../2/a", "../12"):
        with pytest.raises(BadBlobName):
            await files.aread(name)
    for prefix in ("../", "../2/", "/", "b/../../2/"):
        with pytest.raises(ValueError, match="cannot be called"):
            [file async for file in files.alist(prefix)]
    await files.adelete("a")
    assert (tmp_path / "2" / "a").read_bytes() == b"2/a"


async def test_urls_are_whole_for_clients_that_are_no_browsers(tmp_path: Path) -> None:
    assert flet_cluster.uploads(page_of(tmp_path)).url("a").startswith("/my/app/upload?f=a&")
    native = flet_cluster.uploads(page_of(tmp_path, web=False))
    assert native.url("a").startswith("https://example.com:8000/my/app/upload?f=a&")


async def test_what_waits_is_no_task_of_the_session(tmp_path: Path) -> None:
    """Else a session would be kept awake, or missed tasks, because somebody read a file."""
    await write(tmp_path, "a", b"content")
    loop = asyncio.get_running_loop()
    guard_loop(loop)
    files, seen = flet_cluster.uploads(page_of(tmp_path)), list[Any]()

    def in_session(work: Callable[[], Any]) -> Any:
        task_watcher.set(seen.append)
        return work()

    assert await asyncio.to_thread(in_session, lambda: files.read("a")) == b"content"
    assert seen == []
    task_watcher.set(seen.append)
    try:
        assert await files.aread("a") == b"content"
        assert [file.name async for file in files.alist()] == ["a"]
    finally:
        task_watcher.set(None)
    assert seen == []


async def test_other_loops_and_the_loop_of_a_worker(tmp_path: Path) -> None:
    await write(tmp_path, "a", b"content")
    files, loop = flet_cluster.uploads(page_of(tmp_path)), asyncio.get_running_loop()

    async def elsewhere() -> tuple[bytes, bytes]:
        return await files.aread("a"), files.read("a")

    assert await asyncio.to_thread(lambda: asyncio.run(elsewhere())) == (b"content", b"content")

    def in_worker() -> bytes:
        asyncio._set_running_loop(WorkerLoop(loop))  # type: ignore[abstract]
        try:
            return files.read("a")
        finally:
            asyncio._set_running_loop(None)

    assert await asyncio.to_thread(in_worker) == b"content"
    for work in (files.read, files.stat, files.delete, files.open, lambda name: next(files.list(name))):
        with pytest.raises(RuntimeError, match="in async code write a"):
            work("a")
    assert threading.current_thread() is threading.main_thread()


async def test_without_a_place_or_a_session() -> None:
    files = flet_cluster.uploads(page_of(None))
    for work in (files.url, files.list, files.read):
        with pytest.raises(UploadsDisabled, match="FLET_UPLOAD_DIR"):
            work("a")
    stock = SimpleNamespace(session=object(), get_upload_url=None)
    with pytest.raises(RuntimeError, match="this app runs on Flet"):
        flet_cluster.uploads(stock).url("a")
    with pytest.raises(TypeError, match="is not a page"):
        flet_cluster.uploads("page")
    page = page_of(None)
    page.session.live.gone = True
    with pytest.raises(RuntimeError, match="has left this node"):
        flet_cluster.uploads(page).url("a")
