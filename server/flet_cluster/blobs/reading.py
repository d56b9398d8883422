"""What an app may read of its uploads (layer 2: imports the standard library and layers 0 to 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flet_cluster.blobs.links import EVERYWHERE

if TYPE_CHECKING:
    from flet_cluster.blobs.base import BlobStore
    from flet_cluster.blobs.links import NodeLinks
    from flet_cluster.blobs.prefix import UploadPrefix


class ReadLinks:
    """Knows where one app's uploads are, and makes URLs to read them.

    Args:
        blobs: where uploads are.
        through_node: makes URLs for reading through a node.
        prefix: where those of each session are.
    """

    def __init__(
        self, blobs: BlobStore, through_node: NodeLinks, *, prefix: UploadPrefix = EVERYWHERE
    ) -> None:
        self.blobs = blobs
        self.prefix = prefix
        self._through_node = through_node

    def url(self, key: str, seconds: float, app_path: str) -> str:
        """Return a URL from which a browser may GET a blob, whether it is there or not.

        Args:
            key: its whole name.
            seconds: how long the URL is good.
            app_path: where the browser has found the app, without the domain.
        """
        direct = self.blobs.read_url(key, seconds)
        return direct if direct is not None else self._through_node.url(key, seconds, app_path)
