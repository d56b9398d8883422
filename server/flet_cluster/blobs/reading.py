"""What an app may read of its uploads (layer 2: imports the standard library and layers 0 to 2)."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from flet_cluster.blobs.links import address
from flet_cluster.blobs.names import checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.blobs.base import BlobStore
    from flet_cluster.blobs.signing import UploadSigner


def _one_folder(_session_id: str) -> str:
    """All sessions of an app share one place, as in Flet."""
    return ""


class ReadLinks:
    """Knows where one app's uploads are, and makes URLs to read them.

    Args:
        blobs: where uploads are.
        signer: signs URLs for reading through a node.
        endpoint: path of what serves them; below the app's own path, if ``below_app``.
        prefix: returns what the names of a session's blobs begin with.
        clock: seconds since the Unix epoch.
    """

    def __init__(  # noqa: PLR0913  each is a fact of the deployment
        self,
        blobs: BlobStore,
        signer: UploadSigner,
        endpoint: str,
        *,
        below_app: bool = True,
        prefix: Callable[[str], str] = _one_folder,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.blobs = blobs
        self.prefix = prefix
        self._signer = signer
        self._endpoint = endpoint.strip("/")
        self._below_app = below_app
        self._clock = clock

    def key(self, session_id: str, name: str) -> str:
        """Return the whole name of what a session calls ``name``. Raises BadBlobName (a ValueError)."""
        return checked(self.prefix(session_id) + checked(name))

    def url(self, key: str, seconds: float, app_path: str) -> str:
        """Return a URL from which a browser may GET a blob, whether it is there or not.

        Args:
            key: its whole name.
            seconds: how long the URL is good.
            app_path: where the browser has found the app, without the domain.
        """
        direct = self.blobs.read_url(key, seconds)
        if direct is not None:
            return direct
        query = self._signer.query(self._endpoint, key, math.ceil(self._clock() + seconds))
        return address(app_path if self._below_app else "", self._endpoint, query)
