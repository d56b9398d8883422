"""Gives uploaded files to browsers, whole or in parts (layer 4; imports no Flet).

What users upload is not to be trusted: a page or a drawing with a script in it must not run in the origin of
the app, whose cookies it would have. So browsers are told to believe the type, which is that of the name; to
show only what is harmless, and keep the rest as files; and to give what is opened all the same no script and
no origin.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from flet_cluster.errors import BlobStoreUnusable
from flet_cluster.http.files import media_type
from flet_cluster.http.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from flet_cluster.blobs.base import Blob, BlobStore

_HARMLESS: Final = re.compile(r"(audio|image|video)/(?!svg)|text/plain$|application/pdf$")
"""What a browser may show; anything else it saves."""
_RANGE: Final = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)
_NO_SCRIPT: Final = "default-src 'none'; img-src data:; media-src 'self'; style-src 'unsafe-inline'"
_ATTEMPTS: Final = 5


async def download(request: Request, blobs: BlobStore, name: str) -> Response:
    """Return the answer to a GET or HEAD for a blob.

    Args:
        request: may ask for a range, or whether a copy is still good.
        blobs: where it is.
        name: what it is called; checked, and permitted.

    Raises:
        BlobError: it cannot be given.
        Refusal: the range that is asked for is outside of it.
    """
    if request.method == "HEAD":
        blob = await blobs.stat(name)
        return Response(None, headers={**_headers(blob), "Content-Length": str(blob.size)})
    for _ in range(_ATTEMPTS):
        blob = await blobs.stat(name)
        headers = _headers(blob)
        if _known(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        part = _part(request, blob, headers["ETag"])
        start, end = part or (0, blob.size)
        headers["Content-Length"] = str(end - start)
        if part is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{blob.size}"
        content = await _opened(blobs, blob, start, end)
        if content is not None:
            return _Streamed(content, 206 if part else 200, headers)
    raise BlobStoreUnusable(f"{name!r} is replaced again and again while it is read")


async def _opened(blobs: BlobStore, blob: Blob, start: int, end: int) -> _Content | None:
    """Begin to read; None if it was another blob of that name by then. Raises BlobError."""
    content = _Content(blobs.read(blob.name, start, end))
    try:
        await content.begin()
        same = await blobs.stat(blob.name) == blob
    except BaseException:
        await content.aclose()
        raise
    if same:  # then what was opened in between is that very blob
        return content
    await content.aclose()
    return None


class _Content:
    """What is read, with its first piece taken already."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._first = b""

    async def begin(self) -> None:
        """Open it. Raises BlobError."""
        self._first = await anext(self._pieces, b"")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first
        async for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        """Let go of it."""
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()


class _Streamed(StreamingResponse):
    """Sends what is read, and lets go of it when the browser leaves."""

    def __init__(self, content: _Content, status: int, headers: dict[str, str]) -> None:
        super().__init__(content, status, headers)
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with contextlib.aclosing(self._content):
            await super().__call__(scope, receive, send)


def _headers(blob: Blob) -> dict[str, str]:
    """Return what is said of a blob, whichever part of it is sent."""
    return {
        **untrusted(PurePosixPath(blob.name).name),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "ETag": _tag(blob),
        "Referrer-Policy": "no-referrer",  # the URL is a key to the file
    }


def untrusted(name: str) -> dict[str, str]:
    """Return the headers of a file that a user has brought, so that no script in it runs in the app's origin.

    Args:
        name: the last part of its name.
    """
    kind = media_type(f"x{PurePosixPath(name).suffix.lower()}")
    return {
        "Content-Disposition": disposition("inline" if _HARMLESS.match(kind) else "attachment", name),
        # Chrome and Safari show no PDF in a sandbox; scripts in one run in neither's pages.
        "Content-Security-Policy": _NO_SCRIPT if kind == "application/pdf" else f"{_NO_SCRIPT}; sandbox",
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "X-Content-Type-Options": "nosniff",
    }


def _tag(blob: Blob) -> str:
    """Return what names this very content."""
    facts = repr((blob.size, blob.modified, blob.version))
    return f'"{hashlib.sha256(facts.encode()).hexdigest()[:32]}"'


def disposition(mode: str, name: str) -> str:
    """Return a Content-Disposition header (RFC 6266), with the full name if it is not ASCII (RFC 8187).

    Args:
        mode: ``inline`` or ``attachment``.
        name: what the file should be called where it is saved.
    """
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    full = f"; filename*=UTF-8''{quote(name, safe='')}" if plain != name else ""
    return f'{mode}; filename="{plain}"{full}'


def _known(wanted: str, tag: str) -> bool:
    """Evaluate If-None-Match."""
    return any(item.strip().removeprefix("W/") in {tag, "*"} for item in wanted.split(","))


def _part(request: Request, blob: Blob, tag: str) -> tuple[int, int] | None:
    """Return the part that is asked for, as (start, end); None for all of it.

    What is no range of bytes, or several, is answered with the whole, as HTTP allows.

    Raises:
        Refusal: there is no such part.
    """
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or found[1] == found[2] == "" or request.headers.get("if-range", tag) != tag:
        return None
    first, last = found[1], found[2]
    if first and last and int(first) > int(last):
        return None
    if first:
        start, end = int(first), min(int(last) + 1, blob.size) if last else blob.size
    else:
        start, end = max(blob.size - int(last), 0), blob.size
    if start >= end:
        detail = f"Range Not Satisfiable: the file has {blob.size} bytes"
        raise Refusal(416, "bad-range", detail, {"Content-Range": f"bytes */{blob.size}"})
    return start, end
