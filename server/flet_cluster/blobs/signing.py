"""Signed URLs for files that go through a node (layer 2: imports itsdangerous, blobs and layer 0).

A signature covers the use (writing or reading), the app, the endpoint, the file's name and the moment from
which the URL is void; any node with the same secret accepts it. The newest key signs, any key of the ring
verifies.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, urlencode

from itsdangerous import BadSignature, Signer

from flet_cluster.errors import UploadExpired, UploadRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME, EXPIRES, SIGNATURE = "f", "e", "s"
"""Names of the query's parameters: those of Flet."""

REFUSED: Final = "Invalid upload signature"
EXPIRED: Final = "Upload URL has expired"
"""What Flet says."""

Use = Literal["upload", "download"]
UPLOAD: Final = "upload"
DOWNLOAD: Final = "download"


class UploadSigner:
    """Signs what may be uploaded or read where, and until when.

    Args:
        secret_keys: newest first.
        app_name: another app's signatures mean nothing here.
        use: what a URL is for; those for one thing mean nothing for the other.
    """

    def __init__(self, secret_keys: Sequence[str], app_name: str, use: Use = UPLOAD) -> None:
        newest_last = [key.encode() for key in reversed(secret_keys)]
        self._signer = Signer(
            newest_last, salt=f"flet-cluster.{use}.{app_name}", digest_method=hashlib.sha256
        )

    def query(self, endpoint: str, name: str, expires: int) -> str:
        """Return the query part of the URL.

        Args:
            endpoint: path of the endpoint, as both sides know it.
            name: the file's name.
            expires: from when on the URL is void, seconds since the Unix epoch.
        """
        signature = self._signer.get_signature(_signed(endpoint, name, expires)).decode()
        return urlencode({NAME: name, EXPIRES: expires, SIGNATURE: signature}, quote_via=quote, safe="/")

    def verify(self, endpoint: str, name: str, expires: int, signature: str, now: float) -> None:
        """Check what came with an upload; ``now`` is in seconds since the Unix epoch.

        Raises:
            UploadRefused: it was not signed here, or for something else.
            UploadExpired: it was, and it is too late.
        """
        try:
            genuine = self._signer.verify_signature(_signed(endpoint, name, expires), signature)
        except (BadSignature, ValueError, UnicodeError):
            genuine = False
        if not genuine:
            raise UploadRefused(REFUSED)
        if now >= expires:
            raise UploadExpired(EXPIRED)


def _signed(endpoint: str, name: str, expires: int) -> bytes:
    """Encode what is signed, so that no two different things look alike."""
    return json.dumps([endpoint.strip("/"), name, expires]).encode()
