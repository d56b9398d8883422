"""Uploads as files that are open for reading (layer 3; imports no Flet).

Both kinds fetch what is read in pieces of bounded size, wherever in the file it is.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Final, Self

from flet_cluster.errors import BlobStoreUnusable
from flet_cluster.host.crossing import await_on, wait_for

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from _typeshed import WriteableBuffer

    from flet_cluster.blobs.base import Blob, BlobStore

AHEAD: Final = 1 << 20
"""Bytes that are fetched at a time: what an open file takes of memory."""


async def fetched(blobs: BlobStore, name: str, start: int = 0, end: int | None = None) -> bytes:
    """Return a part of a blob. Raises BlobError."""
    content = bytearray()
    async for piece in blobs.read(name, start, end):
        content += piece
    return bytes(content)


async def _fetched_of(blobs: BlobStore, blob: Blob, start: int, size: int) -> bytes:
    """Return a part of this very blob, shorter at its end only. Raises BlobError."""
    end = min(start + size, blob.size)
    content = await fetched(blobs, blob.name, start, end) if start < end else b""
    if await blobs.stat(blob.name) != blob or len(content) != max(end - start, 0):
        raise BlobStoreUnusable(f"the upload {blob.name!r} was replaced while it was read: open it again")
    return content


class RawUpload(io.RawIOBase):
    """An upload for blocking code. To be buffered by :class:`io.BufferedReader`.

    Args:
        loop: the node's.
        blobs: where it is.
        blob: what it was when it was opened.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, blobs: BlobStore, blob: Blob) -> None:
        super().__init__()
        self.name = blob.name.rpartition("/")[2]
        self._loop = loop
        self._blobs = blobs
        self._blob = blob
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read as much as fits; see ``io.RawIOBase``. Raises BlobError, and RuntimeError on the loop."""
        view = memoryview(buffer).cast("B")
        content = self._fetched(min(len(view), AHEAD))
        view[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        """Read what is left. Raises as :meth:`readinto` does."""
        return self._fetched(self._blob.size)

    def _fetched(self, size: int) -> bytes:
        self._check()
        coro = _fetched_of(self._blobs, self._blob, self._at, size)
        content = wait_for(self._loop, coro, "async with await uploads.aopen(name) as file")
        self._at += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move; see ``io.IOBase``."""
        self._check()
        self._at = _moved(self._at, self._blob.size, offset, whence)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        self._check()
        return self._at

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


class AsyncUpload:
    """An upload for async code: ``async with await uploads.aopen(name) as file``.

    It reads as a binary file does, and can be gone through piece by piece: ``async for piece in file``.

    Attributes:
        name: the last part of its name.
        size: bytes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, blobs: BlobStore, blob: Blob) -> None:
        self.name = blob.name.rpartition("/")[2]
        self.size = blob.size
        self._loop = loop
        self._blobs = blobs
        self._blob = blob
        self._at = 0

    async def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, or what is left of it. Raises BlobError."""
        wanted = self.size if size is None or size < 0 else size
        content = await await_on(self._loop, _fetched_of(self._blobs, self._blob, self._at, wanted))
        self._at += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move, from the beginning, the present place or the end; return the place."""
        self._at = _moved(self._at, self.size, offset, whence)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read(AHEAD):
            yield piece

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go of it: nothing is held between two reads."""


def _moved(at: int, size: int, offset: int, whence: int) -> int:
    """Return the place that a ``seek`` leads to. Raises ValueError."""
    starts = {os.SEEK_SET: 0, os.SEEK_CUR: at, os.SEEK_END: size}
    if whence not in starts:
        raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
    place = starts[whence] + offset
    if place < 0:
        raise ValueError(f"negative seek value {place}")
    return place
