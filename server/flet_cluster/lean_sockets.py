"""Uvicorn's websocket protocol without what an idle socket does not need (layer 5: knows uvicorn's insides).

It keeps the handshake's request and response for good, and six deques of 600 bytes that are empty: together
half of what an idle socket costs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class LeanSocket(WebSocketsSansIOProtocol):
    """One websocket."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue: Any = _Messages()
        self.writable: Any = _Gate()

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message of the application."""
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.request.headers.clear()  # a parser's frame holds the request
            self.request = self.response = None  # type: ignore[assignment]  # nobody asks for them again


class _Waiter:
    """Something that at most a few wait for, in place of asyncio's queues of waiters."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] | None = None

    async def wait(self) -> None:
        """Wait for the next :meth:`wake`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(future)
        await future

    def wake(self) -> None:
        """Let all go on that wait."""
        waiting, self._waiting = self._waiting, None
        for future in waiting or ():
            if not future.done():
                future.set_result(None)


class _Messages:
    """What uvicorn uses of ``asyncio.Queue``; one reader."""

    __slots__ = ("_items", "_news")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._news = _Waiter()

    def put_nowait(self, item: Any) -> None:
        """Add an item."""
        self._items.append(item)
        self._news.wake()

    def empty(self) -> bool:
        """Whether nothing is there."""
        return not self._items

    async def get(self) -> Any:
        """Take the next item, once there is one."""
        while not self._items:
            await self._news.wait()
        return self._items.pop(0)


class _Gate:
    """What uvicorn uses of ``asyncio.Event``; open at first."""

    __slots__ = ("_news", "_open")

    def __init__(self) -> None:
        self._open = True
        self._news = _Waiter()

    def set(self) -> None:
        """Open it."""
        self._open = True
        self._news.wake()

    def clear(self) -> None:
        """Close it."""
        self._open = False

    async def wait(self) -> None:
        """Pass, once it is open."""
        while not self._open:
            await self._news.wait()
