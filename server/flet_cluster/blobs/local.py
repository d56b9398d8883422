"""Uploads in a folder of this machine, or one that it shares with others (layer 2).

A file is written under a temporary name beside its place, flushed to the disk, then renamed: it is there
whole or not at all, also after a power cut. All file work is done in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import time
import weakref
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from flet_cluster.blobs.draft import Draft
from flet_cluster.blobs.names import TEMPORARY
from flet_cluster.blobs.shelf import OpenBlob, listed, remove
from flet_cluster.errors import BlobIncomplete, BlobStoreUnusable, BlobTooLarge
from flet_cluster.events import NullObserver
from flet_cluster.threads import UPLOADS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from flet_cluster.blobs.base import Blob
    from flet_cluster.events import Observer

logger = logging.getLogger("flet_cluster.blobs")

FORGOTTEN_SECONDS: Final = 3600.0
"""A temporary file that nobody has written to for so long is a crashed process's."""
LOOK_SECONDS: Final = 600.0
"""How often a node looks whether leftovers are due, also if nobody uploads."""
BUFFER: Final = 1 << 20
"""Bytes collected before a thread writes them: what one upload takes of memory, or little more."""
BUFFERS: Final = 16 << 20
"""Bytes collected by all uploads that go on: where there are many, each collects less."""
WRITE_SECONDS: Final = 10.0
"""What is collected waits no longer for more: the file of a slow upload must not look forgotten."""

PIECE: Final = 256 * 1024
"""Bytes that are read at a time."""
BATCH: Final = 200
"""Blobs that are listed at a time."""


class LocalBlobs:
    """See :class:`flet_cluster.blobs.base.BlobStore`.

    Args:
        root: the folder of uploads; made when it is first needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.observer: Observer = NullObserver()
        self._tidied = float("-inf")
        self._tidying: asyncio.Task[None] | None = None
        self._writing = 0
        self._looking: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()

    async def start(self) -> None:
        """Make the folder, and remove what crashed processes left."""
        try:
            await UPLOADS.run(self.root.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise BlobStoreUnusable(
                f"the folder for uploads (FLET_UPLOAD_DIR, upload_dir=…) cannot be made: {error}"
            ) from error
        loop = asyncio.get_running_loop()
        if loop in self._looking:  # this app was stopped and starts again
            self._tidy_now_and_then()
        else:
            self._looking.add(loop)
            self._look(loop)

    def direct_url(self, name: str, seconds: float) -> str | None:
        """Uploads go through a node."""
        del name, seconds
        return None

    async def write(
        self, name: str, chunks: AsyncIterator[bytes], *, limit: int | None = None, size: int | None = None
    ) -> int:
        """Write a file."""
        if limit is not None and size is not None and size > limit:
            raise _too_large(limit)
        self._tidy_now_and_then()
        self._writing += 1
        try:
            async with _Writer(self.root, name) as writer:
                written = await _copy(writer, chunks, limit, self._buffer)
                if size is not None and written != size:
                    raise BlobIncomplete(f"{size} bytes were announced, {written} came")
                await writer.finish()
        finally:
            self._writing -= 1
        return written

    def _buffer(self) -> int:
        """Return how many bytes an upload may collect at the moment."""
        return min(BUFFER, BUFFERS // self._writing)

    def read_url(self, name: str, seconds: float) -> str | None:
        """A node serves it."""
        del name, seconds
        return None

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read a file: all of it as it was when this began, whatever happens to its name meanwhile."""
        file = await UPLOADS.run(OpenBlob, self.root, name)
        try:
            end = file.blob.size if end is None else min(end, file.blob.size)
            while start < end:
                piece = await UPLOADS.run(file.read, start, min(PIECE, end - start))
                if not piece:  # somebody has cut it short, who is not us
                    raise BlobStoreUnusable("a file in the folder of uploads was cut while it was read")
                start += len(piece)
                yield piece
        finally:
            await asyncio.shield(UPLOADS.run(file.close))

    async def stat(self, name: str) -> Blob:
        """Look at a file."""
        return await UPLOADS.run(_stat, self.root, name)

    async def list(self, prefix: str = "") -> AsyncIterator[Blob]:
        """List files. Those that come or go meanwhile may be in it or not."""
        found = listed(self.root, prefix)
        while batch := await UPLOADS.run(_taken, found):
            for blob in batch:
                yield blob

    async def delete(self, name: str) -> None:
        """Remove a file, and the folders that are empty then."""
        await UPLOADS.run(remove, self.root, name)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tidy up from time to time, for as long as the loop runs."""
        self._tidy_now_and_then()
        loop.call_later(LOOK_SECONDS, self._look, loop)

    def _tidy_now_and_then(self) -> None:
        """Look for leftovers, not more often than there can be new ones."""
        now = time.monotonic()
        if now - self._tidied >= FORGOTTEN_SECONDS:
            self._tidied = now
            self._tidying = asyncio.get_running_loop().create_task(self._tidy())

    async def _tidy(self) -> None:
        count = await UPLOADS.run(remove_leftovers, self.root, time.time() - FORGOTTEN_SECONDS)
        if count:
            logger.info("removed %d uploads that were never finished", count)


class _Writer:
    """Does the file work of one upload in threads, a call at a time; what is not finished leaves nothing."""

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name
        self._draft: Draft | None = None
        self._call: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin the file."""
        try:
            await self._do(self._begin)
        except BaseException:
            await self._clean_up()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it, one way or the other."""
        await self._clean_up()

    async def write(self, data: bytearray) -> None:
        """Add to the file."""
        await self._do(lambda: self._existing.write(data))

    async def finish(self) -> None:
        """Let the file appear."""
        await self._do(self._existing.finish)

    @property
    def _existing(self) -> Draft:
        assert self._draft is not None
        return self._draft

    def _begin(self) -> None:
        self._draft = Draft(self._root, self._name)

    async def _do(self, work: Callable[[], None]) -> None:
        """Work in a thread. If this is cancelled, the work goes on, and the end waits for it."""
        self._call = asyncio.ensure_future(UPLOADS.run(work))
        await asyncio.shield(self._call)

    async def _clean_up(self) -> None:
        await asyncio.shield(asyncio.ensure_future(self._abandon()))

    async def _abandon(self) -> None:
        if self._call is not None:
            await asyncio.wait([self._call])
        if self._draft is not None:
            await UPLOADS.run(self._draft.abandon)


async def _copy(
    writer: _Writer, chunks: AsyncIterator[bytes], limit: int | None, buffer: Callable[[], int]
) -> int:
    """Write all there is; return how much it was."""
    clock = asyncio.get_running_loop().time
    written, waiting, due = 0, bytearray(), clock() + WRITE_SECONDS
    async for chunk in chunks:
        written += len(chunk)
        if limit is not None and written > limit:
            raise _too_large(limit)
        waiting += chunk
        if len(waiting) >= buffer() or clock() >= due:
            await writer.write(waiting)
            waiting, due = bytearray(), clock() + WRITE_SECONDS
    if waiting:
        await writer.write(waiting)
    return written


def _stat(root: Path, name: str) -> Blob:
    with OpenBlob(root, name) as file:
        return file.blob


def _taken(found: Iterator[Blob]) -> list[Blob]:
    return list(itertools.islice(found, BATCH))


@lru_cache(maxsize=64)
def local_blobs(root: Path) -> LocalBlobs:
    """Return this process's store for a folder: always the same."""
    return LocalBlobs(root)


def _too_large(limit: int) -> BlobTooLarge:
    return BlobTooLarge(f"Max upload size exceeded: {limit} bytes")


def remove_leftovers(root: Path, before: float) -> int:
    """Remove temporary files that were not written to since ``before`` (Unix time); return how many."""
    count = 0
    for folder, _, files in os.walk(root):
        for path in (Path(folder, name) for name in files if name.startswith(TEMPORARY)):
            with contextlib.suppress(OSError):  # another node may be removing it too
                if path.stat().st_mtime < before:
                    path.unlink()
                    count += 1
    return count
