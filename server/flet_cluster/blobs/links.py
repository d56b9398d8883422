"""URLs of uploads through a node; what ``page.get_upload_url`` answers (layer 2: imports layers 0 to 2)."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from flet_cluster.blobs.prefix import ONE_FOLDER, UploadPrefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.blobs.base import BlobStore
    from flet_cluster.blobs.reading import ReadLinks
    from flet_cluster.blobs.signing import UploadSigner

EVERYWHERE: Final = UploadPrefix(ONE_FOLDER, "")
"""All sessions of an app share one place, as in Flet."""


class NodeLinks:
    """Makes URLs that lead through a node, whichever it is.

    Args:
        signer: signs them.
        endpoint: path of what serves them; below the app's own path, if ``below_app``.
        clock: seconds since the Unix epoch.
    """

    def __init__(
        self,
        signer: UploadSigner,
        endpoint: str,
        *,
        below_app: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = signer
        self._endpoint = endpoint.strip("/")
        self._below_app = below_app
        self._clock = clock

    def url(self, key: str, seconds: float, app_path: str) -> str:
        """Return a URL without the domain.

        Args:
            key: the whole name of the blob.
            seconds: how long the URL is good.
            app_path: where the browser has found the app, without the domain.
        """
        query = self._signer.query(self._endpoint, key, math.ceil(self._clock() + seconds))
        folder = app_path.strip("/") if self._below_app else ""
        path = "/".join(part for part in (folder, self._endpoint) if part)
        return f"/{quote(path)}?{query}"


class UploadLinks:
    """Makes URLs for uploads of one app.

    Args:
        blobs: where uploads go; None if an endpoint elsewhere takes them.
        through_node: makes the URLs of those that go through a node.
        limit: the most bytes of an upload; one that the store takes itself cannot be limited.
        prefix: where the uploads of each session go.
        reading: what gives the app its uploads back; None if nobody here knows where they are.
    """

    def __init__(
        self,
        blobs: BlobStore | None,
        through_node: NodeLinks,
        *,
        limit: int | None = None,
        prefix: UploadPrefix = EVERYWHERE,
        reading: ReadLinks | None = None,
    ) -> None:
        self._blobs = blobs
        self._through_node = through_node
        self._limit = limit
        self._prefix = prefix
        self.reading = reading

    def url(self, name: str, seconds: float, app_path: str, session_id: str = "") -> str:
        """Return the URL to which a browser may PUT a file.

        Args:
            name: what the file will be called below the session's prefix; subfolders are allowed.
            seconds: how long the URL is good.
            app_path: where the browser has found the app, without the domain.
            session_id: whose file it is.

        Raises:
            BadBlobName: no file can be called that (it is a ValueError).
            BlobStoreUnusable: the store cannot sign.
        """
        key = self._prefix.key(session_id, name)
        direct = None
        if self._blobs is not None and self._limit is None:
            direct = self._blobs.direct_url(key, seconds)
        return direct if direct is not None else self._through_node.url(key, seconds, app_path)
