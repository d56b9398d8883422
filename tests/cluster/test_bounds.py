"""Everything is bounded (I7): a reader that does not read, output nobody fetches, input nobody takes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, World, closed_with, eventually, seconds, send, session_of
from tests.flet_client import FletClient
from tests.steps import Click, Find
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from flet_cluster.protocol.client_link import ClientLink
from flet_cluster.protocol.close import ClientAction, CloseCode, action
from flet_cluster.protocol.frames import SUBPROTOCOL, Data, encode
from flet_cluster.protocol.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.tab import Tab

UPDATES = 60


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_MAX_FRAME_SIZE": "65536",
        "FLOOD_UPDATES": str(UPDATES),
        "FLOOD_BYTES": "400000",
        "BLOCK": seconds(2),
    }


def big(tab: Tab) -> str:
    """What the flooded text says, without its padding."""
    return str(tab.client.find(Find(key="big")).get("value")).rstrip(".")


async def test_a_reader_that_does_not_read_is_closed_and_comes_back_whole(world: World) -> None:
    node, _ = world.pair()
    place = Place(node)
    async with world.tab(place) as tab:
        assert tab.socket is not None
        await tab.do(Click("plus"))
        tab.socket.transport.pause_reading()
        send(tab, Click("flood"))
        await eventually(
            lambda: world.row(tab).rx == tab.link.tx and world.row(tab).fields["inflight"] == b"",
            "the flood is over on the node",
        )
        tab.socket.transport.resume_reading()
        await closed_with(tab, CloseCode.SLOW_READER)
        assert action(CloseCode.SLOW_READER) is ClientAction.RETRY_LATER
        await tab.until(lambda: big(tab) == f"Big: {UPDATES} done")
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert len(world.row(tab).fields["tail"]) < 2 * Limits().max_tail_bytes


async def test_output_that_nobody_fetched_is_replaced_by_the_whole_page(world: World) -> None:
    node, other = world.pair()
    place = Place(node)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        send(tab, Click("flood"))
        await eventually(lambda: world.row(tab).rx == tab.link.tx, "it has begun")
        place.move()
        await tab.cut()
        await eventually(lambda: world.row(tab).fields["inflight"] == b"", "the flood is over on the node")
        tail = len(world.row(tab).fields["tail"])
        assert tail < 2 * Limits().max_tail_bytes, "the tail is trimmed"
        before, registered = tab.resumes, len(tab.client.packets)
        place.move(other)
        await tab.until(lambda: big(tab) == f"Big: {UPDATES} done")
        assert tab.resumes == before, "not a replay"
        assert len(tab.client.packets) - registered < UPDATES / 2
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()


async def test_more_unacknowledged_input_than_allowed_stops_the_page(world: World) -> None:
    """The reference client keeps to its window; this one does not."""
    node, _ = world.pair()
    link, client = ClientLink("instance-of-a-test"), FletClient()
    async with connect(node.url, subprotocols=[SUBPROTOCOL], max_size=None) as socket:  # type: ignore[list-item]
        link.connected()
        link.send(client.register())
        while not client.registered or link.pending:
            for message in link.data_to_send(ack=True):
                await socket.send(message)
            for event in link.receive(await socket.recv()):
                for reply in client.feed(getattr(event, "payload", b"")) if hasattr(event, "payload") else []:
                    link.send(reply)
        (block,) = client.step(Click("block"))
        with contextlib.suppress(ConnectionClosed):
            for number in range(link.tx + 1, link.tx + 2 + Limits().max_unacked_frames):
                await socket.send(encode(Data(number, link.rx, block)))
            while True:
                await asyncio.wait_for(socket.recv(), 20)
        assert socket.close_code == CloseCode.FLOOD
        assert action(CloseCode.FLOOD) is ClientAction.STOP


async def test_clicks_on_a_busy_session_wait_within_the_window(world: World) -> None:
    """More clicks than the window, while a handler blocks: the client holds them back, and none is lost."""
    node, _ = world.pair()
    clicks = 2 * Limits().max_unacked_frames
    async with world.tab(Place(node)) as tab:
        send(tab, Click("block"))
        await world.until_noted("block-start")
        send(tab, *[Click("plus")] * clicks)
        await tab.until(lambda: f"Count: {clicks}" in tab.client.texts(), 60)
        assert not tab.closes
        assert session_of(tab)
