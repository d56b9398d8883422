"""Uploads in a bucket (layer 2). All requests are made in threads; URLs are signed without any."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from flet_cluster.blobs.base import Blob
from flet_cluster.blobs.s3.connection import Connection, code_of, connect, explained
from flet_cluster.blobs.s3.look import look
from flet_cluster.blobs.s3.part import DiskPart, MemoryPart
from flet_cluster.blobs.s3.upload import LARGEST, Upload
from flet_cluster.errors import (
    BlobIncomplete,
    BlobMissing,
    BlobStoreUnusable,
    BlobTooLarge,
)
from flet_cluster.events import NullObserver
from flet_cluster.threads import BUCKET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flet_cluster.blobs.s3.options import S3Options
    from flet_cluster.blobs.s3.part import Part
    from flet_cluster.events import Observer

logger = logging.getLogger("flet_cluster.blobs")

CHUNK: Final = 256 << 10
"""Bytes that are read at a time."""
PARTS_IN_MEMORY: Final = 16
"""Uploads through a node that collect their parts in memory; further ones do so in temporary files."""
READS_AT_ONCE: Final = 32
"""Reads that are under way at the same time, each with a connection; others wait."""
IDLE_SECONDS: Final = 60.0
"""An upload of which nothing comes for so long is over."""
RENEW_SECONDS: Final = 60.0
"""How often credentials that expire are looked at."""
LONGEST_SECONDS: Final = 7 * 86400
"""How long a signed URL may be good: S3's own limit."""
_PAGE = 1000


class S3Blobs:
    """See :class:`flet_cluster.blobs.base.BlobStore`.

    A name is a key of the bucket. Names come sorted by the thousand: S3 sorts them all, some servers do not.

    Args:
        options: which bucket.

    Attributes:
        observer: counts what goes wrong; of several apps with the same bucket, that of the last one.
    """

    def __init__(self, options: S3Options) -> None:
        self.options = options
        self.observer: Observer = NullObserver()
        self._connection: Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connecting: asyncio.Task[Connection] | None = None
        self._memory = self._reads = asyncio.Semaphore()
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find credentials, and look at the bucket.

        Raises:
            BlobStoreUnusable: the bucket cannot be used before somebody changes something; the message says
                what. A server that does not answer is no such case: it is logged.
        """
        connection = await self.connection()
        with explained():
            trouble = await BUCKET.run(look, connection)
        if trouble:
            logger.warning("%s", trouble)

    def direct_url(self, name: str, seconds: float) -> str | None:
        """Sign a PUT, of anything: neither type nor length are signed. Raises BlobStoreUnusable."""
        return self._signed("put_object", name, seconds)

    def read_url(self, name: str, seconds: float) -> str | None:
        """Sign a GET. Raises BlobStoreUnusable."""
        return self._signed("get_object", name, seconds)

    async def write(
        self, name: str, chunks: AsyncIterator[bytes], *, limit: int | None = None, size: int | None = None
    ) -> int:
        """Upload; see :mod:`flet_cluster.blobs.s3.upload`."""
        most = LARGEST if limit is None else min(limit, LARGEST)
        if size is not None and size > most:
            raise _too_large(most)
        connection = await self.connection()
        async with self._part() as part, Upload(connection, name, part) as upload:
            written = 0
            async for chunk in _patiently(chunks):
                written += len(chunk)
                if written > most:
                    raise _too_large(most)
                await upload.add(chunk)
            if size is not None and written != size:
                raise BlobIncomplete(f"{size} bytes were announced, {written} came")
            await upload.finish()
        return written

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Download, as fast as the caller takes it."""
        if end is not None and end <= start:
            await self.stat(name)
            return
        connection = await self.connection()
        async with self._reads:
            body = await BUCKET.run(_opened, connection, name, start, end)
            if body is None:
                return
            with contextlib.closing(body):
                while chunk := await BUCKET.run(_next, body, name):
                    yield chunk

    async def stat(self, name: str) -> Blob:
        """Ask for an object's head."""
        return await BUCKET.run(_head, await self.connection(), name)

    async def list(self, prefix: str = "") -> AsyncIterator[Blob]:
        """Ask for names, a page at a time."""
        connection = await self.connection()
        more: dict[str, str] = {}
        while True:
            answer = await BUCKET.run(_page, connection, prefix, more)
            blobs = [_blob(entry["Key"], entry["Size"], entry) for entry in answer.get("Contents", ())]
            for blob in sorted(blobs, key=lambda blob: blob.name):
                yield blob
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    async def delete(self, name: str) -> None:
        """Remove an object. S3 does not say whether there was one, so it is asked before."""
        connection = await self.connection()
        await BUCKET.run(_head, connection, name)
        await BUCKET.run(_remove, connection, name)

    @contextlib.asynccontextmanager
    async def _part(self) -> AsyncIterator[Part]:
        """Give an upload what it collects its parts in: memory, as long as there is some."""
        memory = self._memory
        if memory.locked():
            yield DiskPart()
        else:
            async with memory:
                yield MemoryPart()

    async def connection(self) -> Connection:
        """Return the connection, made once; what is bound to a loop is made for each.

        Raises:
            BlobStoreUnusable: there are no credentials, or settings are wrong; the message says what to do.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop or self._connecting is None:
            self._loop = loop
            self._memory = asyncio.Semaphore(PARTS_IN_MEMORY)
            self._reads = asyncio.Semaphore(READS_AT_ONCE)
            self._connecting = loop.create_task(self._connect(loop))
        connecting = self._connecting
        try:
            return await asyncio.shield(connecting)
        except BlobStoreUnusable:
            if self._connecting is connecting:  # the next one tries again
                self._connecting = None
            raise

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> Connection:
        if self._connection is None:
            self._connection = await BUCKET.run(connect, self.options, self._failed)
        if self._connection.credentials.temporary:
            self._renewing = loop.create_task(self._renew(self._connection))
        return self._connection

    def _failed(self, operation: str, kind: str) -> None:
        self.observer.count("s3_errors", operation=operation, kind=kind)

    async def _renew(self, connection: Connection) -> None:
        """Keep credentials fresh: boto3 asks for new ones a quarter of an hour before they expire."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await BUCKET.run(connection.credentials.renew)
            except (BotoCoreError, ClientError) as error:
                logger.warning("the credentials of %s cannot be renewed: %s", self.options.place, error)

    def _signed(self, operation: str, name: str, seconds: float) -> str:
        if self._connection is None:
            raise BlobStoreUnusable(f"{self.options.place} is not connected yet: start() comes first")
        target = {"Bucket": self.options.bucket, "Key": name}
        whole = min(max(math.ceil(seconds), 1), LONGEST_SECONDS)
        url: str = self._connection.client.generate_presigned_url(operation, Params=target, ExpiresIn=whole)
        return url


@lru_cache(maxsize=64)
def s3_blobs(options: S3Options) -> S3Blobs:
    """Return this process's store for a bucket: always the same."""
    return S3Blobs(options)


async def _patiently(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what comes. Raises BlobIncomplete if nothing comes for too long."""
    try:
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            yield chunk
    except TimeoutError:
        raise BlobIncomplete(f"nothing came for {IDLE_SECONDS:g} seconds") from None


def _too_large(limit: int) -> BlobTooLarge:
    return BlobTooLarge(f"Max upload size exceeded: {limit} bytes")


# What follows blocks.


def _opened(connection: Connection, name: str, start: int, end: int | None) -> Any:
    """Begin a download; None if nothing of it is in the range."""
    last = "" if end is None else str(end - 1)
    extent = {"Range": f"bytes={start}-{last}"} if start or last else {}
    with explained(name):
        try:
            return connection.client.get_object(Bucket=connection.options.bucket, Key=name, **extent)["Body"]
        except ClientError as error:
            if code_of(error) in {"InvalidRange", "416"}:
                return None
            raise


def _next(body: Any, name: str) -> bytes:
    with explained(name):
        data: bytes = body.read(CHUNK)
        return data


def _head(connection: Connection, name: str) -> Blob:
    """Ask for an object. That its bucket is gone looks the same to S3, but not to our caller.

    The second question has a prefix: roles may be allowed to list what is their app's only, as in infra/aws.
    """
    bucket = connection.options.bucket
    try:
        with explained(name):
            answer = connection.client.head_object(Bucket=bucket, Key=name)
    except BlobMissing:
        with explained():
            connection.client.list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1)
        raise
    return _blob(name, answer["ContentLength"], answer)


def _page(connection: Connection, prefix: str, more: dict[str, str]) -> dict[str, Any]:
    with explained():
        answer: dict[str, Any] = connection.client.list_objects_v2(
            Bucket=connection.options.bucket, Prefix=prefix, MaxKeys=_PAGE, **more
        )
        return answer


def _remove(connection: Connection, name: str) -> None:
    with explained(name):
        connection.client.delete_object(Bucket=connection.options.bucket, Key=name)


def _blob(name: str, size: int, entry: dict[str, Any]) -> Blob:
    return Blob(name, size, entry["LastModified"].timestamp(), entry.get("ETag", ""))
