"""Messages leave in order, at once when they can, and never without bound."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from flet_cluster.protocol.close import CloseCode
from flet_cluster.transport.outgoing import Outgoing

if TYPE_CHECKING:
    from starlette.websockets import WebSocket


class Wire:
    """A websocket whose peer reads or does not."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = False
        self.closed: tuple[int, str] | None = None

    async def send_bytes(self, data: bytes) -> None:
        if self.gone:
            raise RuntimeError("the peer is gone")
        await self.reads.wait()
        self.sent.append(data)

    async def send_text(self, data: str) -> None:
        await self.send_bytes(data.encode())

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def started(wire: Wire, max_bytes: int = 1000) -> tuple[Outgoing, asyncio.Task[None]]:
    out = Outgoing(cast("WebSocket", wire), max_bytes)
    task = asyncio.create_task(out.run())
    await asyncio.sleep(0)
    return out, task


async def test_a_message_leaves_at_once(wire: Wire) -> None:
    out, task = await started(wire)
    out.put(b"1")
    out.put("2")
    assert wire.sent == [b"1", b"2"]  # without a turn of the loop
    out.close(1000, "")
    await task
    assert wire.closed == (1000, "")


async def test_order_is_kept_when_the_peer_pauses(wire: Wire) -> None:
    out, task = await started(wire)
    out.put(b"1")
    wire.reads.clear()
    for number in range(2, 6):
        out.put(b"%d" % number)
    await asyncio.sleep(0.01)
    assert wire.sent == [b"1"]
    wire.reads.set()
    out.put(b"6")
    await asyncio.sleep(0.01)
    out.put(b"7")
    assert wire.sent == [b"%d" % number for number in range(1, 8)]
    out.close(4100, "moved")
    await task


async def test_a_slow_reader_is_closed(wire: Wire) -> None:
    out, task = await started(wire, 10)
    wire.reads.clear()
    for _ in range(5):
        out.put(b"12345678")
    assert out.closing
    wire.reads.set()
    await task
    assert wire.closed == (CloseCode.SLOW_READER, CloseCode.SLOW_READER.reason)
    assert wire.sent == [b"12345678"]


async def test_what_is_queued_leaves_before_the_close(wire: Wire) -> None:
    out = Outgoing(cast("WebSocket", wire), 1000)
    out.put(b"1")
    out.close(4300, "expired")
    out.put(b"too late")
    await out.run()
    assert wire.sent == [b"1"]
    assert wire.closed == (4300, "expired")


async def test_a_peer_that_is_gone_ends_it_quietly(wire: Wire) -> None:
    out, task = await started(wire)
    wire.gone = True
    out.put(b"1")
    out.close(1000, "")
    await task
    assert out.closed


async def test_it_can_be_cancelled_while_the_peer_pauses(wire: Wire) -> None:
    out, task = await started(wire)
    wire.reads.clear()
    out.put(b"1")
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert out.closed
