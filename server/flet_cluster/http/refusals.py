"""What is answered when a file is not taken or not given (layer 4; imports no Flet).

The body is JSON: ``error`` for programs, ``detail`` for people.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from fastapi import HTTPException
from starlette.responses import JSONResponse

from flet_cluster.errors import (
    BadBlobName,
    BlobError,
    BlobIncomplete,
    BlobMissing,
    BlobStoreFull,
    BlobTooLarge,
    UploadExpired,
    UploadRefused,
)

if TYPE_CHECKING:
    from flet_cluster.errors import ClusterError

logger = logging.getLogger("flet_cluster.http")

FAILURES: Final[dict[type[ClusterError], tuple[int, str]]] = {
    BadBlobName: (400, "bad-name"),
    BlobIncomplete: (400, "incomplete"),
    UploadRefused: (403, "bad-signature"),
    BlobMissing: (404, "missing"),
    UploadExpired: (410, "expired"),
    BlobTooLarge: (413, "too-large"),
    BlobStoreFull: (507, "store-full"),
    BlobError: (502, "store-unusable"),
}
"""Status and code of each failure, also of what is a kind of it. What the store behind a node cannot do is no
fault of the node: 502, be the store a bucket or a folder."""


class Refusal(HTTPException):
    """A request that is refused. In somebody's own route it is answered as FastAPI does, without the code.

    Args:
        status: of the answer.
        error: why, as a code.
        detail: why, as a sentence.
        headers: of the answer.
    """

    def __init__(self, status: int, error: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.error = error

    def response(self) -> JSONResponse:
        """Return the answer."""
        body = {"error": self.error, "detail": self.detail}
        headers = {**(self.headers or {}), "Cache-Control": "no-store"}
        return JSONResponse(body, self.status_code, headers)


def refusal_of(error: ClusterError) -> Refusal:
    """Return what a failure is answered with; the operator hears of what is the server's own fault."""
    kind = next((kind for kind in type(error).__mro__ if kind in FAILURES), BlobError)
    status, code = FAILURES[kind]
    if status >= 500:  # noqa: PLR2004  the server's side, not the browser's
        logger.error("a file was not stored or not read: %s (%s)", error, error.__cause__)
    return Refusal(status, code, str(error))


def bad_url(detail: str) -> Refusal:
    """Return what a URL gets that nobody has signed."""
    return Refusal(400, "bad-url", detail)


def bad_method(allowed: str) -> Refusal:
    """Return what a request gets whose method its URL is not for; ``allowed``: which it is for."""
    return Refusal(405, "bad-method", "Method Not Allowed", {"Allow": allowed})


def too_many() -> Refusal:
    """Return what an upload gets that is one too many at the moment."""
    detail = "The server takes as many uploads as it can at a time. Try again in a moment."
    return Refusal(503, "busy", detail, {"Retry-After": "5"})


def too_slow(seconds: float) -> Refusal:
    """Return what an upload gets of which nothing has come for so many seconds."""
    detail = f"Nothing of the file has come for {seconds:g} seconds"
    return Refusal(408, "too-slow", detail)
