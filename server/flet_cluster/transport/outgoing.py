"""Writes to one websocket in order, without letting a slow reader grow a buffer (layer 3; I7)."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from starlette.websockets import WebSocketDisconnect

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, MutableMapping

    from flet_cluster.node.node import Node

GONE = (WebSocketDisconnect, RuntimeError, OSError)
"""What a send raises when the peer is gone; the receive loop says so too."""


class Wire(Protocol):
    """What is needed of an accepted websocket; Starlette's is one."""

    async def receive(self) -> MutableMapping[str, Any]:
        """Return the next message, an ASGI event."""

    async def send_text(self, data: str) -> None:
        """Send text."""

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes."""

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close it."""


class Outgoing:
    """A bounded queue of messages. While its peer reads there is no queue and no task: a send is a call.

    Args:
        websocket: accepted already.
        max_bytes: what may wait; more closes the socket as a slow reader.
        closing: told the code when it is decided that the socket ends.
        spawn: starts a task that sends what could not be sent at once.
    """

    __slots__ = (
        "_bytes",
        "_closing",
        "_ended",
        "_max_bytes",
        "_pump",
        "_queue",
        "_rest",
        "_spawn",
        "_told",
        "_websocket",
        "closed",
    )

    def __init__(
        self,
        websocket: Wire,
        max_bytes: int,
        closing: Callable[[int], None] = lambda _code: None,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]] = asyncio.ensure_future,
    ) -> None:
        self._websocket = websocket
        self._max_bytes = max_bytes
        self._told = closing
        self._spawn = spawn
        self._queue: deque[str | bytes] | None = None  # even an empty one takes 600 bytes
        self._bytes = 0
        self._pump: asyncio.Task[None] | None = None
        self._rest: _Rest | None = None
        self._closing: tuple[int, str] | None = None
        self._ended: asyncio.Future[None] | None = None
        self.closed = False

    @property
    def closing(self) -> bool:
        """Whether the socket is to be closed, or is."""
        return self._closing is not None

    def put(self, message: str | bytes) -> None:
        """Send or queue a message; a queue that is too long closes the socket instead."""
        if self._closing is not None:
            return
        if self._pump is None:
            self._send_at_once(message)
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.append(message)
        self._bytes += len(message)
        if self._bytes > self._max_bytes and len(self._queue) > 1:
            self._queue.clear()
            self.close(CloseCode.SLOW_READER, CloseCode.SLOW_READER.reason)

    def close(self, code: int, reason: str) -> None:
        """Close the socket after what is queued; the first close wins."""
        if self._closing is None:
            self._closing = (code, reason)
            self._told(code)
            self._send_later()

    async def ended(self, seconds: float | None = None) -> None:
        """Wait until the socket is closed, or its peer is gone; at most so long."""
        if not self.closed:
            if self._ended is None:
                self._ended = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._ended], timeout=seconds)

    def _send_at_once(self, message: str | bytes) -> None:
        """Send without a turn of the loop, as is nearly always possible.

        The coroutine of a send suspends only when the peer does not read. Then the rest of it is left to a
        task, and what comes later waits behind it.
        """
        sending = self._send(message)
        try:
            awaited = sending.send(None)
        except (StopIteration, *GONE):
            return
        self._rest = _Rest(sending, awaited)
        self._send_later()

    def _send_later(self) -> None:
        """Have a task for what waits."""
        if self._pump is None:
            self._pump = self._spawn(self._run())

    async def _run(self) -> None:
        """Send what waits, then close if that was asked for. A socket that is gone ends it quietly."""
        try:
            while self._queue or self._rest is not None:
                await self._send_queued()
            if self._closing is not None:
                await self._websocket.close(*self._closing)
                self.closed = True
        except GONE:
            self.closed = True
        except BaseException:
            self.closed = True
            raise
        finally:
            self._pump = self._queue = None
            if self.closed and self._ended is not None and not self._ended.done():
                self._ended.set_result(None)

    async def _send_queued(self) -> None:
        """Finish what was begun, then send what waits behind it."""
        if self._rest is not None:
            rest, self._rest = self._rest, None
            await rest
        while self._queue:
            message = self._queue.popleft()
            self._bytes -= len(message)
            await self._send(message)

    async def _send(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._websocket.send_bytes(message)
        else:
            await self._websocket.send_text(message)


def outgoing_of(node: Node, websocket: Wire, *, counted: bool) -> Outgoing:
    """Return the queue of a client's socket, with the bounds of its node.

    Args:
        node: where the socket's session is served.
        websocket: accepted already, or a relay to one that is at another node.
        counted: whether this node counts how it ends; of a relayed one, the node that has it does.
    """
    bound = 4 * node.limits.max_tail_bytes + node.limits.max_frame
    return Outgoing(websocket, bound, node.closing if counted else lambda _code: None, node.spawn)


class _Rest:
    """What is left of a coroutine that was begun outside of a task; await it in one."""

    def __init__(self, coro: Coroutine[Any, Any, None], awaited: Any) -> None:
        self._coro = coro
        self._awaited = awaited

    def __await__(self) -> Generator[Any, None, None]:
        """Go on where the coroutine stopped."""
        while True:
            try:
                yield self._awaited
            except BaseException as error:  # noqa: BLE001  a cancellation belongs to the coroutine
                step = partial(self._coro.throw, error)
            else:
                step = partial(self._coro.send, None)
            try:
                self._awaited = step()
            except StopIteration:
                return
