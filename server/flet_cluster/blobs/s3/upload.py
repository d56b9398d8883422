"""A blob on its way into a bucket (layer 2: imports no boto3 of its own).

What is small goes in one request. More goes as a multipart upload, of which nothing shows until it is
complete: a part is collected, sent, and only then is more taken from the browser. So an upload holds one
part, whatever its size. What is not finished is aborted, which removes its parts as well.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from flet_cluster.blobs.s3.connection import explained
from flet_cluster.errors import BlobError
from flet_cluster.threads import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.blobs.s3.connection import Connection
    from flet_cluster.blobs.s3.part import Part

logger = logging.getLogger("flet_cluster.blobs")

PART: Final = 8 << 20
"""Bytes of a part. S3 takes no smaller ones than 5 MiB (but the last), and R2 wants all of one size."""
MOST_PARTS: Final = 10_000
LARGEST: Final = PART * MOST_PARTS
"""Bytes of the largest upload through a node: about 84 GB."""


class Upload:
    """One upload; an ``async with`` block that is left before :meth:`finish` leaves nothing in the bucket.

    Args:
        connection: to the bucket.
        name: the blob's, checked.
        part: collects what is to be sent.
    """

    def __init__(self, connection: Connection, name: str, part: Part) -> None:
        self._client = connection.client
        self._target = {"Bucket": connection.options.bucket, "Key": name}
        self._name = name
        self._part = part
        self._id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._call: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin; nothing is sent yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Abort what is not finished."""
        await asyncio.shield(asyncio.ensure_future(self._abandon()))

    async def add(self, data: bytes) -> None:
        """Take more of the content. Raises BlobStoreUnusable, BlobStoreFull."""
        rest = memoryview(data)
        while rest:
            room = PART - self._part.size
            if self._part.in_memory:
                self._part.add(rest[:room])
            else:
                await self._do(partial(self._part.add, rest[:room]))
            rest = rest[room:]
            if self._part.size == PART:
                await self._do(self._send_part)

    async def finish(self) -> None:
        """Let the blob appear. Raises as :meth:`add` does."""
        await self._do(self._complete)

    def _send_part(self) -> None:
        if self._id is None:
            self._id = self._client.create_multipart_upload(**self._target)["UploadId"]
        number = len(self._parts) + 1
        body = self._part.body()
        sent = self._client.upload_part(**self._target, UploadId=self._id, PartNumber=number, Body=body)
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self._part.clear()

    def _complete(self) -> None:
        if self._id is None:
            self._client.put_object(**self._target, Body=self._part.body())
            return
        if self._part.size:
            self._send_part()
        self._client.complete_multipart_upload(
            **self._target, UploadId=self._id, MultipartUpload={"Parts": self._parts}
        )
        self._id = None

    def _abort(self) -> None:
        self._client.abort_multipart_upload(**self._target, UploadId=self._id)

    async def _do(self, work: Callable[[], None]) -> None:
        """Work in a thread. If this is cancelled, the work goes on, and the end waits for it."""

        def explaining() -> None:
            with explained(self._name):
                work()

        self._call = asyncio.ensure_future(BUCKET.run(explaining))
        await asyncio.shield(self._call)

    async def _abandon(self) -> None:
        if self._call is not None:
            await asyncio.wait([self._call])
        await BUCKET.run(self._part.close)
        if self._id is None:
            return
        try:
            await self._do(self._abort)
        except BlobError as error:
            logger.warning(
                "the parts of an upload that failed stay in the bucket until its lifecycle rule removes them "
                "(flet-cluster storage init sets one): %s (%s)",
                error,
                error.__cause__,
            )
