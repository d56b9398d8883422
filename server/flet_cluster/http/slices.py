"""A response whose bytes are shared between requests (layer 4: ASGI only)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

_SLICE = 256 * 1024


class InSlices(Response):
    """Sends bytes piece by piece: a slow browser makes the server keep one piece for it, not a copy of all.

    Args:
        body: what to send; nothing but its length for HEAD.
        headers: all headers but Content-Length.
    """

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(None, headers={**headers, "Content-Length": str(len(body))})
        self.body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  part of ASGI
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        end = 0 if scope["method"] == "HEAD" else len(self.body)
        for start in range(0, end, _SLICE):
            piece = bytes(self.body[start : start + _SLICE])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
