"""What every bus must do, memory or real."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

import pytest

from flet_cluster.errors import BusUnavailable

if TYPE_CHECKING:
    from tests.bus.conftest import MakeBus

WAIT = 5.0


async def test_a_message_reaches_every_listener_and_they_are_counted(make_bus: MakeBus) -> None:
    one, two = await make_bus(), await make_bus()
    at_one: asyncio.Queue[bytes] = asyncio.Queue()
    at_two: asyncio.Queue[bytes] = asyncio.Queue()
    await one.subscribe("news", at_one.put_nowait)
    await two.subscribe("news", at_two.put_nowait)
    assert await one.publish("news", b"\x00hello\xff") == 2
    assert await asyncio.wait_for(at_one.get(), WAIT) == b"\x00hello\xff"
    assert await asyncio.wait_for(at_two.get(), WAIT) == b"\x00hello\xff"


async def test_nobody_listens(make_bus: MakeBus) -> None:
    bus = await make_bus()
    assert await bus.publish("void", b"x") == 0


async def test_channels_are_apart(make_bus: MakeBus) -> None:
    bus = await make_bus()
    got: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def note(channel: str, payload: bytes) -> None:
        got.put_nowait((channel, payload))

    for channel in ("a", "b", "c"):
        await bus.subscribe(channel, functools.partial(note, channel))
    for channel in ("c", "a", "b"):
        assert await bus.publish(channel, channel.encode()) == 1
    messages = {await asyncio.wait_for(got.get(), WAIT) for _ in range(3)}
    assert messages == {("a", b"a"), ("b", b"b"), ("c", b"c")}


async def test_two_handlers_of_one_node_share_a_channel(make_bus: MakeBus) -> None:
    bus = await make_bus()
    got: asyncio.Queue[str] = asyncio.Queue()
    first, second = await asyncio.gather(
        bus.subscribe("c", lambda _: got.put_nowait("first")),
        bus.subscribe("c", lambda _: got.put_nowait("second")),
    )
    assert await bus.publish("c", b"") in (1, 2)
    assert {await asyncio.wait_for(got.get(), WAIT) for _ in range(2)} == {"first", "second"}
    await first()
    assert await bus.publish("c", b"") == 1
    assert await asyncio.wait_for(got.get(), WAIT) == "second"
    await second()
    await second()
    await _until_nobody_listens(make_bus, "c")


async def test_a_stopped_node_is_not_counted(make_bus: MakeBus) -> None:
    one, two = await make_bus(), await make_bus()
    await two.subscribe("ctl:two", lambda _: None)
    assert await one.publish("ctl:two", b"") == 1
    await two.stop()
    await two.stop()
    await _until_nobody_listens(make_bus, "ctl:two")


async def test_a_failing_handler_disturbs_nobody(
    make_bus: MakeBus,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = await make_bus()
    got: asyncio.Queue[bytes] = asyncio.Queue()

    def fail(_: bytes) -> None:
        raise RuntimeError("oops")

    await bus.subscribe("c", fail)
    await bus.subscribe("c", got.put_nowait)
    for i in range(3):
        await bus.publish("c", b"%d" % i)
    assert [await asyncio.wait_for(got.get(), WAIT) for _ in range(3)] == [b"0", b"1", b"2"]
    assert "oops" in caplog.text


async def test_a_stopped_bus_says_so(make_bus: MakeBus) -> None:
    bus = await make_bus()
    await bus.stop()
    with pytest.raises(BusUnavailable):
        await bus.publish("c", b"")
    with pytest.raises(BusUnavailable):
        await bus.subscribe("c", lambda _: None)


async def test_many_channels_come_and_go(make_bus: MakeBus) -> None:
    bus = await make_bus()
    got: list[int] = []
    full = asyncio.Event()

    def note(i: int, _: bytes) -> None:
        got.append(i)
        if len(got) == 50:
            full.set()

    endings = await asyncio.gather(
        *(bus.subscribe(f"relay:{i}", functools.partial(note, i)) for i in range(100)),
    )
    for end in endings[50:]:
        await end()
    await asyncio.gather(*(bus.publish(f"relay:{i}", b"") for i in range(100)))
    await asyncio.wait_for(full.wait(), WAIT)
    assert sorted(got) == list(range(50))


async def _until_nobody_listens(make_bus: MakeBus, channel: str) -> None:
    """The server learns of an ended subscription a moment later."""
    bus = await make_bus()
    async with asyncio.timeout(WAIT):
        while await bus.publish(channel, b"") != 0:  # noqa: ASYNC110 - the change is in another process
            await asyncio.sleep(0.01)
