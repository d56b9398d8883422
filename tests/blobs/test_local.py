"""Files appear whole or not at all, and only below their folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.blobs.content import chunks, everything
from tests.shell.running import ROOT

from flet_cluster.blobs import local
from flet_cluster.blobs.local import BUFFER, BUFFERS, FORGOTTEN_SECONDS, LocalBlobs, local_blobs
from flet_cluster.blobs.names import TEMPORARY
from flet_cluster.errors import (
    BadBlobName,
    BlobError,
    BlobIncomplete,
    BlobStoreFull,
    BlobStoreUnusable,
    BlobTooLarge,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.mark.parametrize("size", [0, 1, BUFFER - 1, BUFFER, 2 * BUFFER + 7])
async def test_a_file_appears_whole(tmp_path: Path, size: int) -> None:
    root, content = tmp_path / "not there yet", os.urandom(size)
    seen: list[list[str]] = []

    async def slowly() -> AsyncIterator[bytes]:
        for start in range(0, size, 65536):
            yield content[start : start + 65536]
            seen.append([name for name in everything(root) if TEMPORARY not in name])

    blobs = LocalBlobs(root)
    assert await blobs.write("some/folder/ü 1.bin", slowly(), size=size, limit=size or None) == size
    assert (root / "some/folder/ü 1.bin").read_bytes() == content
    assert everything(root) == ["some", "some/folder", "some/folder/ü 1.bin"]
    assert all(names == ["some", "some/folder"] for names in seen)


async def test_a_later_upload_replaces_an_earlier_one_at_once(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    await blobs.write("a", chunks(b"before"))

    async def looking() -> AsyncIterator[bytes]:
        yield b"x" * BUFFER
        assert (tmp_path / "a").read_bytes() == b"before"

    await blobs.write("a", looking())
    assert (tmp_path / "a").stat().st_size == BUFFER
    with pytest.raises(BlobTooLarge):
        await blobs.write("a", chunks(b"123"), limit=2)
    assert (tmp_path / "a").stat().st_size == BUFFER


async def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * BUFFER
        raise ConnectionResetError

    blobs = LocalBlobs(tmp_path)
    failures: list[tuple[AsyncIterator[bytes], dict[str, int], type[Exception]]] = [
        (broken(), {}, ConnectionResetError),
        (chunks(b"1" * BUFFER, b"2"), {"limit": BUFFER}, BlobTooLarge),
        (chunks(b"never read"), {"limit": 5, "size": 10}, BlobTooLarge),
        (chunks(b"short"), {"size": 6}, BlobIncomplete),
    ]
    for content, options, error in failures:
        with pytest.raises(error):
            await blobs.write("some/folder/a", content, **options)
        assert everything(tmp_path) == []


async def test_a_cancelled_upload_leaves_nothing(tmp_path: Path) -> None:
    blobs, begun = LocalBlobs(tmp_path), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * BUFFER
        begun.set()
        await asyncio.Event().wait()

    for wait_for_it in (True, False):  # in the middle, and while its file is being made
        task = asyncio.create_task(blobs.write("folder/a", endless()))
        await begun.wait() if wait_for_it else await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert everything(tmp_path) == []


async def test_an_upload_that_fails_takes_no_folder_from_another(tmp_path: Path) -> None:
    blobs, begun, half = LocalBlobs(tmp_path), asyncio.Event(), asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        yield b"x"
        begun.set()
        await half.wait()

    good = asyncio.create_task(blobs.write("folder/good", waiting()))
    await begun.wait()
    with pytest.raises(BlobIncomplete):
        await blobs.write("folder/bad", chunks(b"x"), size=2)
    half.set()
    assert await good == 1
    assert everything(tmp_path) == ["folder", "folder/good"]
    many = [blobs.write(f"new/{i}", chunks(b"x"), size=1 + i % 2) for i in range(40)]
    done = await asyncio.gather(*many, return_exceptions=True)
    assert all(isinstance(one, BlobIncomplete) if i % 2 else one == 1 for i, one in enumerate(done)), done
    assert everything(tmp_path / "new") == sorted(str(i) for i in range(0, 40, 2))


async def test_nothing_is_written_through_links_or_over_folders(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    (root / "real").mkdir(parents=True)
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to(root / "real")
    (root / "link").symlink_to(outside / "file")
    (root / "dangling").symlink_to(outside / "new")
    (root / "loop").symlink_to(root / "loop")
    (root / "plain").write_bytes(b"")
    blobs, before = LocalBlobs(root), everything(tmp_path)
    for name in ("out/x", "out/deep/x", "link", "dangling", "loop", "loop/x", "real", "plain/x"):
        with pytest.raises(BadBlobName):
            await blobs.write(name, chunks(b"x"))
        assert everything(tmp_path) == before, name
    assert (outside / "file").read_bytes() == b"precious"
    await blobs.write("in/x", chunks(b"x"))
    assert (root / "real" / "x").read_bytes() == b"x"


async def test_the_folder_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "uploads").symlink_to(tmp_path / "disk")
    await LocalBlobs(tmp_path / "uploads").write("a/b", chunks(b"x"))
    assert (tmp_path / "disk/a/b").read_bytes() == b"x"


async def test_leftovers_of_crashed_processes_are_removed_by_age(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    old, young, other = (tmp_path / "folder" / name for name in (f"{TEMPORARY}1", f"{TEMPORARY}2", ".flet"))
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (0, time.time() - FORGOTTEN_SECONDS - 60))
    blobs = LocalBlobs(tmp_path)
    await blobs.start()
    assert blobs._tidying is not None
    await blobs._tidying
    assert not old.exists()
    assert young.exists()
    assert other.exists()
    assert local_blobs(tmp_path) is local_blobs(tmp_path)


async def test_leftovers_of_other_nodes_are_removed_though_nobody_uploads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.01)
    blobs = LocalBlobs(tmp_path)
    for _ in range(2):  # an app may be stopped and started again
        await blobs.start()
        assert blobs._tidying is not None
        await blobs._tidying
        leftover = tmp_path / f"{TEMPORARY}1"
        leftover.write_bytes(b"half")
        os.utime(leftover, (0, time.time() - FORGOTTEN_SECONDS - 60))
        blobs._tidied -= FORGOTTEN_SECONDS  # an hour goes by
        for _ in range(1000):
            if not leftover.exists():
                break
            await asyncio.sleep(0.01)
        assert not leftover.exists()


async def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    blobs = LocalBlobs(tmp_path / "file" / "uploads")
    with pytest.raises(BlobStoreUnusable):
        await blobs.start()
    with pytest.raises(BlobError):
        await blobs.write("a", chunks(b"x"))


FULL = """
import asyncio, pathlib, resource, sys
from flet_cluster.blobs.local import LocalBlobs
from flet_cluster.errors import BlobStoreFull

async def content():
    for _ in range(40):
        yield b"x" * 100_000

resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))  # the system refuses to write on (EFBIG)
try:
    asyncio.run(LocalBlobs(pathlib.Path(sys.argv[1])).write("folder/a", content()))
except BlobStoreFull as error:
    print(error)
"""


def test_no_room(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "no room" in done.stdout
    assert everything(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes; only root can make one."""
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


async def test_a_full_disk(small_disk: Path) -> None:
    with pytest.raises(BlobStoreFull):
        await LocalBlobs(small_disk).write("folder/a", chunks(*[b"x" * 65536] * 64))
    assert everything(small_disk) == []


def sizes_in(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.iterdir()]


async def test_many_uploads_collect_less_each(tmp_path: Path) -> None:
    """Else a thousand slow ones would hold a gigabyte."""
    blobs, sizes = LocalBlobs(tmp_path), []

    async def brought(number: int) -> AsyncIterator[bytes]:
        for _ in range(4):
            yield bytes(1 << 15)
            await asyncio.sleep(0)
        if number == 0:
            sizes.append(blobs._buffer())

    await asyncio.gather(*(blobs.write(f"of-{number}", brought(number)) for number in range(300)))
    assert sizes[0] <= BUFFERS // 200
    assert sizes_in(tmp_path) == [1 << 17] * 300
    assert blobs._writing == 0


async def test_a_slow_upload_is_written_as_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "WRITE_SECONDS", 0.0)
    there: list[int] = []

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield b"a little"
            there.append(sum(sizes_in(tmp_path)))

    await LocalBlobs(tmp_path).write("a", slow())
    assert there == [8, 16]
