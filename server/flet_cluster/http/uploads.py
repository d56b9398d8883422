"""Takes uploads that were allowed by a signed URL (layer 4; imports no Flet).

Browsers PUT a file's raw bytes. Whoever has the URL may, and nobody else: no cookie counts here.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Protocol

from fastapi import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from flet_cluster.blobs.names import checked
from flet_cluster.blobs.signing import EXPIRES, NAME, SIGNATURE
from flet_cluster.errors import (
    BadBlobName,
    BlobIncomplete,
    BlobStoreFull,
    BlobStoreUnavailable,
    BlobStoreUnusable,
    BlobTooLarge,
    ClusterError,
    UploadExpired,
    UploadRefused,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from flet_cluster.blobs.base import BlobStore

logger = logging.getLogger("flet_cluster.http")

MAX_DEPTH = 16
"""Folders in an endpoint's path that are looked at."""

STATUSES: dict[type[ClusterError], int] = {
    BadBlobName: 400,
    BlobIncomplete: 400,
    UploadRefused: 403,
    UploadExpired: 410,
    BlobTooLarge: 413,
    BlobStoreUnusable: 500,
    BlobStoreUnavailable: 502,
    BlobStoreFull: 507,
}
"""What each failure of an upload is answered with; the body says why."""


class Verifier(Protocol):
    """Checks the URLs of uploads: :class:`flet_cluster.blobs.signing.UploadSigner`, or what finds one."""

    def verify(self, endpoint: str, name: str, expires: int, signature: str, now: float) -> None:
        """See there. Raises UploadRefused, UploadExpired."""


class UploadEndpoint:
    """An ASGI application for uploads, and the same as a function of a request.

    Args:
        blobs: where uploads go.
        signer: what signed their URLs; on another node, maybe.
        limit: the most bytes of an upload; None for any number.
        endpoint: path of this endpoint as it was signed; None to go by the path of each request, or what is
            left of it below the folders it is mounted in.
        clock: seconds since the Unix epoch.
    """

    def __init__(
        self,
        blobs: BlobStore,
        signer: Verifier,
        limit: int | None = None,
        endpoint: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._blobs = blobs
        self._signer = signer
        self._limit = limit
        self._endpoint = endpoint
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self.handle(Request(scope, receive))
        except HTTPException as error:
            response: Response = JSONResponse(
                {"detail": error.detail}, error.status_code, headers=error.headers
            )
        except ClientDisconnect:
            return
        else:
            response = Response(status_code=204)
        await response(scope, receive, send)

    async def handle(self, request: Request) -> None:
        """Take one upload.

        Raises:
            HTTPException: nothing was stored; status and detail say why.
            ClientDisconnect: nothing was stored; the browser has gone.
        """
        if request.method != "PUT":
            raise HTTPException(405, "Method Not Allowed", {"Allow": "PUT"})
        try:
            name = self._permitted(request)
            await self._blobs.write(name, request.stream(), limit=self._limit, size=_announced(request))
        except ClusterError as error:
            status = STATUSES.get(type(error), 500)
            if status >= 500:  # noqa: PLR2004  the server's own fault: its operator should read why
                logger.error("an upload failed: %s (%s)", error, error.__cause__)  # noqa: TRY400  that says it
            raise HTTPException(status, str(error)) from error

    def _permitted(self, request: Request) -> str:
        """Return the file's name if the request may write it."""
        query = request.query_params
        name, expires, signature = query.get(NAME), query.get(EXPIRES), query.get(SIGNATURE)
        if not name or not expires or not signature:
            raise HTTPException(400, "Missing upload parameters")
        if not (expires.isascii() and expires.isdigit()) or len(expires) > 15:  # noqa: PLR2004  30 million years
            raise HTTPException(400, "Invalid expiration parameter")
        checked(name)
        self._verify(request, name, int(expires), signature)
        return name

    def _verify(self, request: Request, name: str, expires: int, signature: str) -> None:
        """Check the signature. Raises UploadRefused, UploadExpired."""
        parts = request.url.path.strip("/").split("/")[-MAX_DEPTH:]
        below = ["/".join(parts[depth:]) for depth in range(len(parts))]
        for endpoint in below if self._endpoint is None else [self._endpoint]:
            with contextlib.suppress(UploadRefused):
                self._signer.verify(endpoint, name, expires, signature, self._clock())
                return
        raise UploadRefused("Invalid upload signature")


class UploadRoute(Route):
    """The route of uploads. A page of the app may have the same path: it is not taken from that."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match what is an upload or an attempt at one."""
        reads = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if reads and not Request(scope).query_params.keys() & {NAME, SIGNATURE}:
            return Match.NONE, {}
        return super().matches(scope)


def _announced(request: Request) -> int | None:
    """Return how many bytes the request says it has."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None
