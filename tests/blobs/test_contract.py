"""What every blob store promises, in the same words for all of them."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.blobs.content import chunks, content_of, names

from flet_cluster.blobs.s3.upload import PART
from flet_cluster.errors import BlobIncomplete, BlobMissing, BlobTooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flet_cluster.blobs.base import Blob, BlobStore

STORES = ("local", "s3_connected")
"""Fixtures."""
SIZES = (0, 1, 1000, PART - 1, PART, PART + 1, 2 * PART + 7)
NAMES = (
    "a",
    "some folder/and another/photo of me.jpg",
    "Ünïcode/文件 — 1.pdf",
    "a b+c&d=e?f#g",
    "100%.txt",
    "~",
)


@pytest.fixture(params=STORES)
async def blobs(request: pytest.FixtureRequest) -> BlobStore:
    store: BlobStore = request.getfixturevalue(request.param)
    await store.start()
    return store


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_written_is_read(blobs: BlobStore, size: int) -> None:
    content = os.urandom(size)

    async def slowly() -> AsyncIterator[bytes]:
        for start in range(0, size, 300_000):
            yield content[start : start + 300_000]

    assert await blobs.write("folder/a.bin", slowly(), size=size, limit=size or None) == size
    assert await content_of(blobs, "folder/a.bin") == content
    assert (await blobs.stat("folder/a.bin")).size == size


@pytest.mark.parametrize("name", NAMES)
async def test_names(blobs: BlobStore, name: str) -> None:
    before = time.time()
    await blobs.write(name, chunks(b"con", b"tent"))
    blob = await blobs.stat(name)
    assert (blob.name, blob.size) == (name, 7)
    assert abs(blob.modified - before) < 60
    assert [blob async for blob in blobs.list()] == [await blobs.stat(name)]
    assert await content_of(blobs, name) == b"content"
    await blobs.delete(name)
    assert await names(blobs) == []


async def test_another_content_is_another_version(blobs: BlobStore) -> None:
    versions = []
    for content in (b"A", b"B"):
        await blobs.write("a", chunks(content))
        versions.append((await blobs.stat("a")).version)
        assert [blob.version async for blob in blobs.list()] == versions[-1:]
    assert versions[0] != versions[1]
    assert all(versions)


async def test_a_later_one_replaces_an_earlier_one_when_it_is_whole(blobs: BlobStore) -> None:
    await blobs.write("a", chunks(b"before"))

    async def looking() -> AsyncIterator[bytes]:
        yield b"x" * (PART + 1)
        assert await content_of(blobs, "a") == b"before"

    await blobs.write("a", looking())
    assert (await blobs.stat("a")).size == PART + 1
    with pytest.raises(BlobTooLarge):
        await blobs.write("a", chunks(b"123"), limit=2)
    assert (await blobs.stat("a")).size == PART + 1


async def test_what_fails_leaves_nothing(blobs: BlobStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * (PART + 1)
        raise ConnectionResetError

    failures: list[tuple[AsyncIterator[bytes], dict[str, int], type[Exception]]] = [
        (broken(), {}, ConnectionResetError),
        (chunks(b"1" * PART, b"2"), {"limit": PART}, BlobTooLarge),
        (chunks(b"never read"), {"limit": 5, "size": 10}, BlobTooLarge),
        (chunks(b"short"), {"size": 6}, BlobIncomplete),
        (chunks(b"x" * PART, b"short"), {"size": PART + 6}, BlobIncomplete),
        (chunks(b"long"), {"size": 3}, BlobIncomplete),
    ]
    for content, options, error in failures:
        with pytest.raises(error):
            await blobs.write("some/folder/a", content, **options)
        assert await names(blobs) == []


async def test_a_cancelled_upload_leaves_nothing(blobs: BlobStore) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * (PART + 1)
        begun.set()
        await asyncio.Event().wait()

    for wait_for_it in (True, False):  # in the middle, and while it begins
        task = asyncio.create_task(blobs.write("folder/a", endless()))
        await begun.wait() if wait_for_it else await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await names(blobs) == []


async def test_many_at_once(blobs: BlobStore) -> None:
    await asyncio.gather(*(blobs.write(f"many/{i}", chunks(b"x" * i)) for i in range(40)))
    assert sorted(await names(blobs, "many/")) == sorted(f"many/{i}" for i in range(40))
    read = await asyncio.gather(*(content_of(blobs, f"many/{i}") for i in range(40)))
    assert [len(content) for content in read] == list(range(40))
    await asyncio.gather(*(blobs.delete(f"many/{i}") for i in range(40)))
    assert await names(blobs) == []


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, None),
        (3, None),
        (0, 4),
        (3, 7),
        (9, 10),
        (9, 100),
        (10, None),
        (50, None),
        (50, 60),
        (4, 4),
        (0, 0),
    ],
)
async def test_parts_of_it(blobs: BlobStore, start: int, end: int | None) -> None:
    await blobs.write("a", chunks(b"0123456789"))
    assert await content_of(blobs, "a", start, end) == b"0123456789"[start:end]


async def test_pieces_are_small_and_reading_may_stop(blobs: BlobStore) -> None:
    await blobs.write("a", chunks(b"x" * (3 << 20)))
    async for piece in blobs.read("a"):
        assert 0 < len(piece) <= 1 << 20
        break
    assert len(await content_of(blobs, "a", 1 << 20)) == 2 << 20


async def test_what_is_not_there(blobs: BlobStore) -> None:
    await blobs.write("folder/there", chunks(b"x"))
    for name in ("a", "folder", "folder/not", "folder/there/not"):
        with pytest.raises(BlobMissing):
            await content_of(blobs, name)
        with pytest.raises(BlobMissing):
            await content_of(blobs, name, 5, 5)
        with pytest.raises(BlobMissing):
            await blobs.stat(name)
        with pytest.raises(BlobMissing):
            await blobs.delete(name)
    assert await names(blobs) == ["folder/there"]


async def test_lists_are_sorted_and_begin_with_what_is_asked_for(blobs: BlobStore) -> None:
    some = ["a-b/1", "a.txt", "a/1", "a/10", "a/b/c", "b/1", "ä/1", "文"]
    for name in reversed(some):
        await blobs.write(name, chunks(name.encode()))
    listed: list[Blob] = [blob async for blob in blobs.list()]
    assert [blob.name for blob in listed] == some
    assert [blob.size for blob in listed] == [len(name.encode()) for name in some]
    assert await names(blobs, "a") == some[:5]
    assert await names(blobs, "a/") == ["a/1", "a/10", "a/b/c"]
    assert await names(blobs, "a/1") == ["a/1", "a/10"]
    assert await names(blobs, "a/b/") == ["a/b/c"]
    assert await names(blobs, "z") == []
    assert await names(blobs, "z/y/") == []


async def test_signed_urls_if_there_are_any(blobs: BlobStore) -> None:
    name = "in/Ü 1 — 100%.txt"
    to, back = blobs.direct_url(name, 60), blobs.read_url(name, 60)
    assert (to is None) == (back is None)
    if to is None or back is None:
        return
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(back)).status_code == 404
        answer = await browser.put(to, content=b"content", headers={"Content-Type": "what/ever"})
        assert 200 <= answer.status_code <= 204
        assert (await browser.get(back)).content == b"content"
        assert (await browser.put(back, content=b"other")).status_code == 403
        for other in (to.replace("100%25", "101%25"), to.replace("Expires=60", "Expires=600")):
            assert (await browser.put(other, content=b"other")).status_code == 403
        assert await content_of(blobs, name) == b"content"
