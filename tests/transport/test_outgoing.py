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


def opened(wire: Wire, max_bytes: int = 1000) -> Outgoing:
    return Outgoing(cast("WebSocket", wire), max_bytes)


async def test_a_message_leaves_at_once(wire: Wire) -> None:
    out = opened(wire)
    out.put(b"1")
    out.put("2")
    assert wire.sent == [b"1", b"2"]  # without a turn of the loop
    out.close(1000, "")
    await out.ended()
    assert wire.closed == (1000, "")


async def test_order_is_kept_when_the_peer_pauses(wire: Wire) -> None:
    out = opened(wire)
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
    await out.ended()


async def test_a_slow_reader_is_closed(wire: Wire) -> None:
    out = opened(wire, 10)
    wire.reads.clear()
    for _ in range(5):
        out.put(b"12345678")
    assert out.closing
    wire.reads.set()
    await out.ended()
    assert wire.closed == (CloseCode.SLOW_READER, CloseCode.SLOW_READER.reason)
    assert wire.sent == [b"12345678"]


async def test_what_is_queued_leaves_before_the_close(wire: Wire) -> None:
    out = opened(wire)
    wire.reads.clear()
    out.put(b"1")
    out.put(b"2")
    out.close(4300, "expired")
    out.put(b"too late")
    wire.reads.set()
    await out.ended()
    assert wire.sent == [b"1", b"2"]
    assert wire.closed == (4300, "expired")


async def test_a_peer_that_is_gone_ends_it_quietly(wire: Wire) -> None:
    out = opened(wire)
    wire.gone = True
    out.put(b"1")
    out.close(1000, "")
    await out.ended()
    assert out.closed


async def test_it_can_be_cancelled_while_the_peer_pauses(wire: Wire) -> None:
    out = opened(wire)
    wire.reads.clear()
    out.put(b"1")
    await asyncio.sleep(0.01)
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    task.cancel()
    await out.ended()
    assert out.closed
