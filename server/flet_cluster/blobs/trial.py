"""Does with a store of uploads what apps, nodes and browsers do, to see whether it works (layer 2)."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from flet_cluster.blobs.steps import Step, StepFailed, attempt
from flet_cluster.errors import BlobError, BlobMissing, BlobTooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flet_cluster.blobs.base import BlobStore

SIZE: Final = 100_000
MUCH: Final = 9 << 20
"""Bytes of what is sent in parts."""


class Trial:
    """A round trip of one small file, and a larger one that is too large.

    Args:
        blobs: the store, started.
        key: what the file is called; nothing of that name may be there.
        advice: what a failure in a step means: ``write``, ``read``, ``list``, ``delete``, ``abort``.
    """

    def __init__(self, blobs: BlobStore, key: str, advice: dict[str, str] | None = None) -> None:
        self._blobs = blobs
        self._key = key
        self._advice = advice or {}
        self.content = os.urandom(SIZE)

    async def steps(self) -> AsyncIterator[Step]:
        """Try one thing after another; nothing stays in the store."""
        parts = [
            ("a node writes a file", self._write(), "write"),
            ("it is there, whole", self._read(), "read"),
            ("it is listed", self._list(), "list"),
            ("an upload that is too large leaves nothing", self._abort(), "abort"),
            ("it is removed", self._delete(), "delete"),
        ]
        try:
            for name, work, advice in parts:
                yield await attempt(name, work, self._advice.get(advice, ""))
        finally:
            for _, work, _ in parts:
                work.close()
            await self.clean_up()

    async def clean_up(self) -> bool:
        """Remove the file if it is there; return whether it is gone."""
        try:
            await self._blobs.delete(self._key)
        except BlobError as error:
            return isinstance(error, BlobMissing)
        return True

    async def _write(self) -> None:
        await self._blobs.write(self._key, _pieces(self.content), size=SIZE)

    async def _read(self) -> None:
        found = await self._blobs.stat(self._key)
        read = b"".join([piece async for piece in self._blobs.read(self._key)])
        if found.size != SIZE or read != self.content:
            raise StepFailed(f"{SIZE} bytes were written, {found.size} others are there")

    async def _list(self) -> None:
        if [blob.name async for blob in self._blobs.list(self._key)] != [self._key]:
            raise StepFailed("what was written is not in the list")

    async def _abort(self) -> None:
        before = await self._blobs.stat(self._key)
        with contextlib.suppress(BlobTooLarge):
            await self._blobs.write(self._key, _pieces(bytes(MUCH)), limit=MUCH - 1)
            raise StepFailed("the limit does not hold")
        if await self._blobs.stat(self._key) != before:
            raise StepFailed("an upload that failed has replaced what was there")

    async def _delete(self) -> None:
        await self._blobs.delete(self._key)
        with contextlib.suppress(BlobMissing):
            await self._blobs.stat(self._key)
            raise StepFailed("it is there still")


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1 << 20):
        yield content[start : start + (1 << 20)]
