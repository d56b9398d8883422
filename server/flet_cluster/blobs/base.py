"""The contract of a blob store: where uploaded files go (layer 2: may import layer 0 only).

Blobs are immutable and appear whole or not at all: who reads a name finds what an earlier upload left there
or all of the new one. An upload that fails leaves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class BlobStore(Protocol):
    """Where uploads are kept."""

    async def start(self) -> None:
        """Make sure that it can be used, and tidy up what crashed processes left. Raises BlobError."""

    def direct_url(self, name: str, seconds: float) -> str | None:
        """Return a URL to which a browser may PUT this blob without a node in between.

        Computed without waiting for anything: apps ask for it in the middle of a handler.

        Args:
            name: checked by the caller.
            seconds: how long the URL is good.

        Returns:
            None if uploads go through a node.
        """

    async def write(
        self, name: str, chunks: AsyncIterator[bytes], *, limit: int | None = None, size: int | None = None
    ) -> int:
        """Store what ``chunks`` brings, replacing an earlier blob of that name; return its size.

        Args:
            name: checked by the caller.
            chunks: the content; whatever it raises ends the upload and is raised here.
            limit: the most bytes it may have; None for any number.
            size: how many bytes were announced; None if nobody said.

        Raises:
            BadBlobName: the name leads elsewhere in this store, through a symbolic link for example.
            BlobTooLarge, BlobIncomplete, BlobStoreFull, BlobStoreUnusable: nothing was stored.
        """
