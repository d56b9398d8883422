"""For apps: what their users have uploaded (layer 3; imports no Flet)."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

from flet_cluster.blobs.names import checked
from flet_cluster.errors import UploadsDisabled
from flet_cluster.host.crossing import await_on, leave_to, wait_for
from flet_cluster.host.upload_files import AHEAD, AsyncUpload, RawUpload, fetched

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Coroutine, Iterator

    from flet_cluster.blobs.base import Blob
    from flet_cluster.blobs.reading import ReadLinks
    from flet_cluster.host.live import LiveSession

T = TypeVar("T")

BATCH: Final = 500
"""Blobs that are listed at a time."""
HOUR: Final = 3600.0


class Uploads:
    """The files that a session may read, by the names that the app gave them. Made by :func:`uploads`.

    Names are those that ``page.get_upload_url`` was given. Where each session has a prefix of its own
    (``FLET_CLUSTER_UPLOAD_PREFIX``), the files of other sessions are not to be seen; else all sessions share
    one folder.

    Each method comes in two kinds. The plain one blocks: it is for sync handlers, which have a thread, and
    for ``page.run_thread``. The one that begins with ``a`` is awaited in async code. The object may be kept
    anywhere in the session, and goes with it from node to node.

    All methods raise errors of :mod:`flet_cluster.errors`: UploadsDisabled if the app keeps no uploads,
    BadBlobName (a ValueError) for names that lead elsewhere, BlobMissing (a LookupError) for files that are
    not there, BlobStoreUnusable if the store does not answer; and RuntimeError if the session has left this
    node.
    """

    def __init__(self, page: Any) -> None:
        self._page = page

    def __repr__(self) -> str:
        return "<flet_cluster.uploads of a session>"

    # -- blocking ---------------------------------------------------------------------------------

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading: a binary file that can seek, such as ``zipfile`` or Pillow take.

        It fetches a megabyte at a time. Close it before the handler ends: an open file cannot travel.
        """
        place = self._place()
        blob = place.wait(place.blobs.stat(place.key(name)), "await uploads.aopen(name)")
        return io.BufferedReader(RawUpload(place.loop, place.blobs, blob), AHEAD)

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Return a file's content, or the part from ``start`` to before ``end``."""
        place = self._place()
        return place.wait(fetched(place.blobs, place.key(name), start, end), "await uploads.aread(name)")

    def url(self, name: str, expires: float = HOUR) -> str:
        """Return a URL at which a browser may read the file, whoever uses it; this waits for nothing.

        It is for ``ft.Image(src=…)`` and ``page.launch_url``. Images, sound, films, PDF and plain text are
        shown, other files are saved.

        Args:
            name: the file's name. It need not be there yet.
            expires: how long the URL is good, seconds.
        """
        place = self._place()
        return place.url(name, expires)

    def list(self, prefix: str = "") -> Iterator[Blob]:
        """Return the files whose names begin with ``prefix``, sorted by name, as an iterator.

        Each has ``name``, ``size`` (bytes) and ``modified`` (seconds since the Unix epoch).
        """
        place = self._place()
        return _listed(place, place.prefix(prefix))

    def stat(self, name: str) -> Blob:
        """Return name, size and time of a file."""
        place = self._place()
        return place.shown(place.wait(place.blobs.stat(place.key(name)), "await uploads.astat(name)"))

    def delete(self, name: str) -> None:
        """Remove a file."""
        place = self._place()
        place.wait(place.blobs.delete(place.key(name)), "await uploads.adelete(name)")

    # -- async ------------------------------------------------------------------------------------

    async def aopen(self, name: str) -> AsyncUpload:
        """Open a file for reading in async code: ``async with await uploads.aopen(name) as file``."""
        place = self._place()
        blob = await place.get(place.blobs.stat(place.key(name)))
        return AsyncUpload(place.loop, place.blobs, blob)

    async def aread(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Return a file's content, or the part from ``start`` to before ``end``."""
        place = self._place()
        return await place.get(fetched(place.blobs, place.key(name), start, end))

    async def aurl(self, name: str, expires: float = HOUR) -> str:
        """Return the same as :meth:`url`."""
        return self.url(name, expires)

    async def alist(self, prefix: str = "") -> AsyncIterator[Blob]:
        """Yield what :meth:`list` returns."""
        place = self._place()
        found = place.blobs.list(place.prefix(prefix))
        while batch := await place.get(_taken(found)):
            for blob in batch:
                yield place.shown(blob)

    async def astat(self, name: str) -> Blob:
        """Return name, size and time of a file."""
        place = self._place()
        return place.shown(await place.get(place.blobs.stat(place.key(name))))

    async def adelete(self, name: str) -> None:
        """Remove a file."""
        place = self._place()
        await place.get(place.blobs.delete(place.key(name)))

    def _place(self) -> _Place:
        """Return where this session's files are, on the node that has the session now."""
        live: LiveSession | None = getattr(self._page.session, "live", None)
        if live is None:
            raise UploadsDisabled(
                "flet_cluster.uploads(page) needs flet-cluster: this app runs on Flet's own server. "
                "Start it with: flet-cluster run app.py"
            )
        if live.gone:
            raise RuntimeError("the session has left this node: its uploads are read where it is now")
        links = live.host.uploads
        if links is None or links.reading is None:
            raise UploadsDisabled(
                "flet_cluster.uploads(page) needs a place for uploads that this node knows: "
                "ft.run(main, upload_dir=…), or the variable FLET_UPLOAD_DIR"
            )
        return _Place(live, links.reading)


class _Place:
    """Where the files of one session are, and how to get at them from here."""

    def __init__(self, live: LiveSession, links: ReadLinks) -> None:
        self._live = live
        self._links = links
        self.blobs = links.blobs

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The node's."""
        return self._live.host.loop

    def key(self, name: str) -> str:
        """Return the whole name of a file. Raises BadBlobName."""
        return self._links.prefix.key(self._live.id, name)

    def prefix(self, prefix: str) -> str:
        """Return what the whole names of files begin with. Raises BadBlobName."""
        folder = prefix.rpartition("/")[0]
        if folder or prefix.startswith("/"):
            checked(folder)
        return self._links.prefix.of(self._live.id) + prefix

    def shown(self, blob: Blob) -> Blob:
        """Return a blob by the name that the app knows."""
        return replace(blob, name=blob.name.removeprefix(self._links.prefix.of(self._live.id)))

    def url(self, name: str, seconds: float) -> str:
        """Return a URL for reading; for a client that is no browser, with the domain."""
        client = self._live.client
        url = self._links.url(self.key(name), seconds, client.name)
        if url.startswith("/") and not self._live.page.web:
            scheme, _, rest = client.url.partition("://")
            return f"{scheme.replace('ws', 'http')}://{rest.partition('/')[0]}{url}"
        return url

    def wait(self, coro: Coroutine[Any, Any, T], instead: str) -> T:
        """See :func:`wait_for`."""
        return wait_for(self.loop, coro, instead)

    async def get(self, coro: Coroutine[Any, Any, T]) -> T:
        """See :func:`await_on`."""
        return await await_on(self.loop, coro)


def _listed(place: _Place, prefix: str) -> Iterator[Blob]:
    found = place.blobs.list(prefix)
    try:
        while batch := place.wait(_taken(found), "async for file in uploads.alist()"):
            yield from map(place.shown, batch)
    finally:
        close = getattr(found, "aclose", None)
        if close is not None:
            leave_to(place.loop, close())


async def _taken(found: AsyncIterator[Blob]) -> list[Blob]:
    """Return the next of them."""
    batch: list[Blob] = []
    async for blob in found:
        batch.append(blob)
        if len(batch) == BATCH:
            break
    return batch


def uploads(page: Any) -> Uploads:
    """Return the files that this session's users have uploaded.

    Args:
        page: the session's page.

    Raises:
        TypeError: ``page`` is not one.
    """
    if not hasattr(page, "get_upload_url"):
        raise TypeError(f"flet_cluster.uploads(page): {page!r} is not a page")
    return Uploads(page)
