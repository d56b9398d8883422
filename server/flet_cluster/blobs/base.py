"""The contract of a blob store: where uploaded files go (layer 2: may import layer 0 only).

Blobs are immutable and appear whole or not at all: who reads a name finds what an earlier upload left there
or all of the new one. An upload that fails leaves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flet_cluster.events import Observer


@dataclass(frozen=True, slots=True)
class Blob:
    """What is known of a stored blob without reading it.

    Attributes:
        name: as it was written.
        size: bytes.
        modified: seconds since the Unix epoch.
        version: another one for another content of the same name, also within one tick of the clock.
    """

    name: str
    size: int
    modified: float
    version: str = field(default="", repr=False)


class BlobStore(Protocol):
    """Where uploads are kept.

    Attributes:
        observer: counts what goes wrong.
    """

    observer: Observer

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

    def read_url(self, name: str, seconds: float) -> str | None:
        """Return a URL from which a browser may GET this blob without a node in between.

        Computed without waiting for anything, and without a look whether the blob is there.

        Args:
            name: checked by the caller.
            seconds: how long the URL is good.

        Returns:
            None if a node serves it.
        """

    def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the blob's content in pieces of bounded size.

        Args:
            name: checked by the caller.
            start: the first byte.
            end: the byte after the last; None for all that there is.

        Raises:
            BlobMissing: there is none of that name.
            BadBlobName, BlobStoreUnusable.
        """

    async def stat(self, name: str) -> Blob:
        """Return what is known of a blob. Raises as :meth:`read` does."""

    def list(self, prefix: str = "") -> AsyncIterator[Blob]:
        """Yield the blobs whose names begin with ``prefix``, sorted by name. Raises BlobStoreUnusable."""

    async def delete(self, name: str) -> None:
        """Remove a blob. Raises as :meth:`read` does."""
