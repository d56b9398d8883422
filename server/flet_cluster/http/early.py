"""An answer that comes before the request has ended (layer 4: ASGI only).

A server that closes the connection while a browser still sends makes the system reset it, and the browser
loses the answer that it has not read yet. So the answer goes out at once, and what still comes is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

SILENCE_SECONDS: Final = 10.0
"""How long a browser may send nothing before nobody listens any more."""
MOST_DROPPED: Final = 1 << 30
"""Bytes that are read for nothing."""


class Incoming:
    """A request's body as an ASGI application receives it, and whether it has ended.

    Args:
        receive: the server's.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def __call__(self) -> Message:
        """Return what comes next."""
        message = await self._receive()
        self.ended = not message.get("more_body", False)
        return message

    async def drop(self) -> None:
        """Read what still comes, for a while."""
        dropped = 0
        with contextlib.suppress(TimeoutError):
            while not self.ended and dropped < MOST_DROPPED:
                async with asyncio.timeout(SILENCE_SECONDS):
                    dropped += len((await self()).get("body", b""))


async def answer(response: Response, scope: Scope, incoming: Incoming, send: Send) -> None:
    """Send a response whose body is there already; its end comes when the request has ended.

    If that goes on for too long, the connection is closed: a server would read the rest of it before the next
    request, however much it is.
    """
    if not incoming.ended and scope.get("http_version", "").startswith("1"):  # HTTP/2 ends just the request
        response.headers["Connection"] = "close"

    async def send_but_the_end(message: Message) -> None:
        """Keep the response open."""
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    await response(scope, incoming, send_but_the_end)
    await incoming.drop()
    await send({"type": "http.response.body", "body": b""})
