"""One pub/sub connection to one Redis server (layer 2).

A listener lives as long as its connection. When the connection breaks, or the server hands a slot to another
one, the listener ends and says so; who made it makes a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, cast

from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio.connection import AbstractConnection

PING_EVERY: Final = 10.0
"""A connection that says nothing for so long is asked whether it is still there, seconds."""


class Listener:
    """Reads messages of many channels.

    Args:
        connection: not connected yet; closed when the listener ends.
        sharded: use the sharded commands of a cluster.
        deliver: called with the channel and the payload of each message.
        lost: called once, with this listener, when it ends without having been stopped.
    """

    def __init__(
        self,
        connection: AbstractConnection,
        *,
        sharded: bool,
        deliver: Callable[[str, bytes], None],
        lost: Callable[[Listener], None],
    ) -> None:
        self._connection = connection
        self._prefix = "S" if sharded else ""
        self._deliver = deliver
        self._lost = lost
        self._confirmations: dict[str, asyncio.Future[None]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._end: Exception | None = None

    @property
    def channels(self) -> list[str]:
        """What it listens to."""
        return list(self._confirmations)

    @property
    def was_heard(self) -> bool:
        """Whether the server has ever confirmed that it listens to something."""
        return any(known.done() and not known.cancelled() for known in self._confirmations.values())

    async def start(self) -> None:
        """Connect and begin to read. Raises redis errors."""
        try:
            await cast("Any", self._connection).connect()
        except BaseException as error:  # cancelled in the middle of it, it would stay half open
            await self._connection.disconnect(nowait=True)
            if isinstance(error, RuntimeError):  # uvloop's way to say that the server has closed it again
                raise ConnectionError("the connection has ended") from error
            raise
        self._reader = asyncio.create_task(self._read(), name="bus listener")

    async def stop(self) -> None:
        """End without calling ``lost``."""
        self._lost = _nobody
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._close()

    async def add(self, channel: str, patience: float) -> None:
        """Listen to a channel too, if it does not yet; returns when the server has confirmed it.

        Raises:
            TimeoutError: it did not in time.
            ConnectionError: the listener ended.
        """
        confirmation = self._confirmations.get(channel)
        if confirmation is None:
            confirmation = self._confirmations[channel] = asyncio.get_running_loop().create_future()
            await self._send("SUBSCRIBE", channel)
        await asyncio.wait([confirmation], timeout=patience)
        if not confirmation.done():
            raise TimeoutError(f"no confirmation within {patience:g} s")
        if confirmation.cancelled():
            raise ConnectionError("the listener has ended") from self._end

    async def remove(self, channel: str) -> None:
        """Stop listening to a channel."""
        confirmation = self._confirmations.pop(channel, None)
        if confirmation is not None:
            confirmation.cancel()
            await self._send("UNSUBSCRIBE", channel)

    async def _send(self, verb: str, *args: str) -> None:
        if self._reader is None or self._reader.done() or not self._connection.is_connected:
            raise ConnectionError("the listener has ended")
        try:
            await self._connection.send_command(self._prefix + verb if args else verb, *args)
        except (AttributeError, RuntimeError) as error:
            # redis-py's way to say that the reader disconnected it meanwhile, and uvloop's.
            raise ConnectionError("the listener has ended") from error

    async def _read(self) -> None:
        # Whatever ends the reading, the answer is the same: tell the owner, who starts again elsewhere.
        try:
            while self._handle(await self._next_reply()):
                pass
        except Exception as error:  # noqa: BLE001  kept for those who wait for a confirmation
            self._end = error
        await self._close()
        self._lost(self)

    async def _close(self) -> None:
        """Close the connection; who waits for a confirmation hears of it."""
        await self._connection.disconnect(nowait=True)
        for confirmation in self._confirmations.values():
            confirmation.cancel()

    async def _next_reply(self) -> Any:
        """Wait for a push. Between two messages there may be hours, so silence alone means nothing."""
        with contextlib.suppress(RedisTimeoutError):  # newer clients answer None instead
            reply = await self._connection.read_response(timeout=PING_EVERY, disconnect_on_error=False)
            if reply is not None:
                return reply
        await self._send("PING")
        return await self._connection.read_response()

    def _handle(self, reply: Any) -> bool:
        """Deal with one push; says False when the server no longer serves a channel of ours."""
        kind = reply[0]
        if kind in (b"message", b"smessage"):
            self._deliver(reply[1].decode(), reply[2])
        elif kind in (b"subscribe", b"ssubscribe"):
            confirmation = self._confirmations.get(reply[1].decode())
            if confirmation is not None and not confirmation.done():
                confirmation.set_result(None)
        elif kind == b"sunsubscribe":
            return reply[1] is None or reply[1].decode() not in self._confirmations
        return True


def _nobody(_: Listener) -> None:
    """Tell nobody."""
