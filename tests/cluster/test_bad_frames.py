"""What a node does with sockets that do not keep the rules."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import msgpack
import pytest
from tests import wire
from tests.cluster.tools import Place, World, seconds
from tests.steps import Click
from tests.wire import Action
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from flet_cluster.protocol.close import ClientAction, CloseCode, action
from flet_cluster.protocol.frames import SUBPROTOCOL, Data, Hello, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.fleet import FleetNode

MAX_FRAME = 65536
NO_TIME = wire.encode(Action.REGISTER_CLIENT, {"page": {"route": msgpack.ExtType(2, b"9" * 30 + b":0")}})
"""A time of day that no clock has an hour for."""
NO_TOKENS = [wire.encode(Action.REGISTER_CLIENT, {"session_id": token, "page": {}}) for token in (5, ["a"])]
HELLO = encode(Hello(None, "instance-of-a-test", 0, 0))


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"FLET_CLUSTER_MAX_FRAME_SIZE": str(MAX_FRAME), "FLET_CLUSTER_HANDSHAKE_TIMEOUT": seconds(0.5)}


async def code_after(node: FleetNode, messages: Sequence[str | bytes], *, link: bool = True) -> int | None:
    """Send messages on a fresh socket; the code the node closes it with."""
    offered = [SUBPROTOCOL] if link else None
    async with connect(node.url, subprotocols=offered, max_size=None) as socket:  # type: ignore[arg-type]
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await socket.send(message)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
        return socket.close_code


@pytest.mark.parametrize(
    "messages",
    [
        ["not json"],
        ["[]"],
        ['{"type": "hello"}'],
        ['{"type": "nonsense"}'],
        [json.dumps({"type": "hello", "token": None, "instance": "x", "rx": 0, "durable": 0})],
        [b""],
        [b"\xff\xff"],
        [encode(Data(1, 0, b"before hello"))],
        [HELLO, HELLO],
        [HELLO, b"\x10\x00"],
        [HELLO, encode(Data(1, 0, b"not a packet of Flet"))],
        [HELLO, encode(Data(1, 99, b"\x00\x92\x01\x80"))],
        [HELLO, b"\x00\x92\x01\x80"],
        [HELLO, encode(Data(1, 0, NO_TIME))],
    ],
)
async def test_garbage_stops_the_page(world: World, messages: list[str | bytes]) -> None:
    assert await code_after(world.pair()[0], messages) == CloseCode.PROTOCOL
    assert action(CloseCode.PROTOCOL) is ClientAction.STOP


async def test_a_gap_makes_the_page_connect_again(world: World) -> None:
    assert await code_after(world.pair()[0], [HELLO, encode(Data(2, 0, b"x"))]) == CloseCode.GAP


@pytest.mark.parametrize("size", [MAX_FRAME, MAX_FRAME * 4])
@pytest.mark.parametrize("link", [True, False])
async def test_an_oversized_frame_stops_the_page(world: World, size: int, *, link: bool) -> None:
    big = encode(Data(1, 0, b"x" * size)) if link else b"\x00" * (size + 1)
    code = await code_after(world.pair()[0], [HELLO, big] if link else [big], link=link)
    assert code in {CloseCode.TOO_BIG, 1009}
    assert action(int(code)) is ClientAction.STOP


@pytest.mark.parametrize("link", [True, False])
async def test_a_socket_that_says_nothing_is_closed(world: World, *, link: bool) -> None:
    assert await code_after(world.pair()[0], [], link=link) == CloseCode.HANDSHAKE_TIMEOUT


@pytest.mark.parametrize("message", ["text", b"\xff", b"\x00\x93", b"\x00\x92\x63\x80", NO_TIME, *NO_TOKENS])
async def test_garbage_of_a_plain_client_closes_its_socket(world: World, message: str | bytes) -> None:
    assert await code_after(world.pair()[0], [message], link=False) == CloseCode.PROTOCOL


async def test_others_go_on(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:
        for messages in (["not json"], [HELLO, encode(Data(1, 0, b"x" * MAX_FRAME))]):
            await code_after(node, messages)
            await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert not tab.closes
