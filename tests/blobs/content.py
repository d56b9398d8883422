"""Content of blobs, as stores take and give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from flet_cluster.blobs.base import BlobStore


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """Bring these."""
    for part in parts:
        yield part


async def content_of(blobs: BlobStore, name: str, start: int = 0, end: int | None = None) -> bytes:
    """Read a blob, or a part of it."""
    return b"".join([piece async for piece in blobs.read(name, start, end)])


async def names(blobs: BlobStore, prefix: str = "") -> list[str]:
    """List a store, or a part of it."""
    return [blob.name async for blob in blobs.list(prefix)]


def everything(root: Path) -> list[str]:
    """List what is below a folder, hidden or not, folders too."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))
