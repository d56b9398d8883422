"""What ``page.get_upload_url`` answers (layer 2: imports the standard library and layers 0 to 2)."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from flet_cluster.blobs.names import checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.blobs.base import BlobStore
    from flet_cluster.blobs.reading import ReadLinks
    from flet_cluster.blobs.signing import UploadSigner


class UploadLinks:
    """Makes URLs for uploads of one app.

    Args:
        blobs: where uploads go; None if an endpoint elsewhere takes them.
        signer: signs those that go through a node.
        endpoint: path of the uploads' endpoint; below the app's own path, if ``below_app``.
        limit: the most bytes of an upload; one that the store takes itself cannot be limited.
        reading: what gives the app its uploads back; None if nobody here knows where they are.
        clock: seconds since the Unix epoch.
    """

    def __init__(  # noqa: PLR0913  each is a fact of the deployment
        self,
        blobs: BlobStore | None,
        signer: UploadSigner,
        endpoint: str,
        *,
        below_app: bool = True,
        limit: int | None = None,
        reading: ReadLinks | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._blobs = blobs
        self._signer = signer
        self._endpoint = endpoint.strip("/")
        self._below_app = below_app
        self._limit = limit
        self._clock = clock
        self.reading = reading

    def url(self, name: str, seconds: float, app_path: str) -> str:
        """Return the URL to which a browser may PUT a file.

        Args:
            name: what the file will be called below the folder of uploads; subfolders are allowed.
            seconds: how long the URL is good.
            app_path: where the browser has found the app, without the domain.

        Raises:
            BadBlobName: no file can be called that (it is a ValueError).
        """
        checked(name)
        direct = None
        if self._blobs is not None and self._limit is None:
            direct = self._blobs.direct_url(name, seconds)
        if direct is not None:
            return direct
        query = self._signer.query(self._endpoint, name, math.ceil(self._clock() + seconds))
        return address(app_path if self._below_app else "", self._endpoint, query)


def address(app_path: str, endpoint: str, query: str) -> str:
    """Return a URL without the domain."""
    path = "/".join(part for part in (app_path.strip("/"), endpoint) if part)
    return f"/{quote(path)}?{query}"
