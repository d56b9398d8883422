"""Content of blobs, as stores take and give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flet_cluster.blobs.base import BlobStore


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """Bring these."""
    for part in parts:
        yield part


async def content_of(blobs: BlobStore, name: str, start: int = 0, end: int | None = None) -> bytes:
    """Read a blob, or a part of it."""
    return b"".join([piece async for piece in blobs.read(name, start, end)])
