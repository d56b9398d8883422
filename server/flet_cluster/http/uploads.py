"""Takes and gives files as signed URLs allow it (layer 4; imports no Flet).

Browsers PUT a file's raw bytes, and GET them where a URL for that was made. Whoever has the URL may, and
nobody else: no cookie counts here.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from flet_cluster.blobs.names import checked
from flet_cluster.blobs.signing import EXPIRES, NAME, REFUSED, SIGNATURE
from flet_cluster.errors import ClusterError, UploadRefused
from flet_cluster.http.downloads import download
from flet_cluster.http.early import Incoming, answer
from flet_cluster.http.refusals import Refusal, bad_method, bad_url, refusal_of, too_many, too_slow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from starlette.types import Receive, Scope, Send

    from flet_cluster.blobs.base import BlobStore

MAX_DEPTH = 16
"""Folders in an endpoint's path that are looked at."""
MAX_DIGITS = 15
"""Of a moment in seconds: 30 million years from now."""
SILENCE_SECONDS: Final = 60.0
"""How long a browser may send nothing of a file before it is given up."""
MOST_AT_ONCE: Final = 200
"""Uploads that a process takes at a time: each has a file or a connection of its own, and memory."""
_going_on: Final[set[Request]] = set()
"""The uploads of this process, by whichever endpoint: one may be made for each request."""
READS: Final = ("GET", "HEAD")
WRITES: Final = ("PUT",)


class Verifier(Protocol):
    """Checks the URLs of uploads: :class:`flet_cluster.blobs.signing.UploadSigner`, or what finds one."""

    def verify(self, endpoint: str, name: str, expires: int, signature: str, now: float) -> None:
        """See there. Raises UploadRefused, UploadExpired."""


class UploadEndpoint:
    """An ASGI application for uploads, and the same as a function of a request.

    Args:
        blobs: where uploads go.
        signer: what signed URLs to write; on another node, maybe.
        reader: what signed URLs to read.
        limit: the most bytes of an upload; None for any number.
        endpoint: path of this endpoint as it was signed; None to go by the path of each request, or what is
            left of it below the folders it is mounted in.
        clock: seconds since the Unix epoch.
    """

    def __init__(  # noqa: PLR0913  each is a fact of the deployment
        self,
        blobs: BlobStore,
        signer: Verifier,
        reader: Verifier,
        *,
        limit: int | None = None,
        endpoint: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._blobs = blobs
        self._verifiers = {WRITES: signer, READS: reader}
        self._limit = limit
        self._endpoint = endpoint
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        incoming = Incoming(receive)
        try:
            response = await self.handle(Request(scope, incoming)) or Response(status_code=204)
        except Refusal as error:
            await answer(error.response(), scope, incoming, send)
        except ClientDisconnect:
            return
        else:
            await response(scope, receive, send)

    async def handle(self, request: Request) -> Response | None:
        """Take or give one file; None for one that was taken.

        Raises:
            Refusal: nothing was stored; status, code and detail say why (it is an HTTPException).
            ClientDisconnect: nothing was stored; the browser has gone.
        """
        try:
            name = self._permitted(request)
            if request.method in READS:
                return await download(request, self._blobs, name)
            await self._take(request, name)
        except ClusterError as error:
            raise refusal_of(error) from error
        return None

    async def _take(self, request: Request, name: str) -> None:
        """Store what comes. Raises BlobError, Refusal."""
        if len(_going_on) >= MOST_AT_ONCE:
            raise too_many()
        _going_on.add(request)
        try:
            chunks = _arriving(request.stream())
            await self._blobs.write(name, chunks, limit=self._limit, size=_announced(request))
        finally:
            _going_on.discard(request)

    def _permitted(self, request: Request) -> str:
        """Return the file's name if the request may have or write it."""
        methods = next((methods for methods in self._verifiers if request.method in methods), ())
        query = request.query_params
        name, expires, signature = (query.get(key, "") for key in (NAME, EXPIRES, SIGNATURE))
        if not (name and expires and signature):
            raise (
                bad_url("Missing upload parameters") if methods else bad_method(", ".join((*READS, *WRITES)))
            )
        if not (expires.isascii() and expires.isdigit()) or len(expires) > MAX_DIGITS:
            raise bad_url("Invalid expiration parameter")
        checked(name)
        for allowed, verifier in self._verifiers.items():
            with contextlib.suppress(UploadRefused):
                self._verify(verifier, request, name, int(expires), signature)
                if allowed != methods:
                    raise bad_method(", ".join(allowed))
                return name
        raise UploadRefused(REFUSED)

    def _verify(self, verifier: Verifier, request: Request, name: str, expires: int, signature: str) -> None:
        """Check the signature. Raises UploadRefused, UploadExpired."""
        parts = request.url.path.strip("/").split("/")[-MAX_DEPTH:]
        below = ["/".join(parts[depth:]) for depth in range(len(parts))]
        for endpoint in below if self._endpoint is None else [self._endpoint]:
            with contextlib.suppress(UploadRefused):
                verifier.verify(endpoint, name, expires, signature, self._clock())
                return
        raise UploadRefused(REFUSED)


class UploadRoute(Route):
    """The route of uploads. A page of the app may have the same path: it is not taken from that."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match what is an upload or an attempt at one."""
        reads = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if reads and not Request(scope).query_params.keys() & {NAME, SIGNATURE}:
            return Match.NONE, {}
        return super().matches(scope)


async def _arriving(chunks: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Yield what comes, as long as something does. Raises Refusal."""
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise too_slow(SILENCE_SECONDS) from error
        if chunk is None:
            return
        yield chunk


def _announced(request: Request) -> int | None:
    """Return how many bytes the request says it has."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None
