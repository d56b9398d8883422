"""Input that nobody takes is bounded over all page loads, and what is accepted is done (I7, I3)."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.test_plain_clients import opened
from tests.cluster.tools import Place, World, closed_with, seconds, send
from tests.steps import Click, Find
from tests.tab import Tab
from tests.wire import Action
from tests.wire import encode as packet_of
from websockets.asyncio.client import connect

from flet_cluster.protocol.close import ClientAction, CloseCode, action
from flet_cluster.protocol.frames import SUBPROTOCOL, Data, Hello, Ping, Pong, encode
from flet_cluster.protocol.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMITS = Limits()


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"BLOCK": seconds(4)}


async def page_load(url: str, token: str | None, packet: bytes, times: int) -> None:
    """Load the page anew, and fill the window of this load."""
    async with connect(url, subprotocols=[SUBPROTOCOL], max_size=None) as socket:  # type: ignore[list-item]
        await socket.send(encode(Hello(token, secrets.token_urlsafe(12), 0, 0)))
        await socket.recv()
        for number in range(1, times + 1):
            await socket.send(encode(Data(number, 0, packet)))
        await socket.send(encode(Ping()))
        while await socket.recv() != encode(Pong()):
            pass  # until all of it has been taken


async def test_reloads_do_not_add_up_and_no_click_is_lost(world: World) -> None:
    place = Place(world.pair()[0])
    (url,) = place()
    async with world.tab(place) as tab:
        (click,) = tab.client.step(Click("plus"))
        send(tab, Click("block"))
        await world.until_noted("block-start")
        loads, window = LIMITS.max_inbox_frames // LIMITS.max_unacked_frames, LIMITS.max_unacked_frames
        for _ in range(loads):
            await page_load(url, tab.link.token, click, window)
        late = Tab(place, Browser(route=world.route), tab.link.token)
        late.settles = False
        late.send(late.client.register())
        late.send(click)
        late._runner = asyncio.create_task(late._run())
        try:
            await closed_with(late, CloseCode.OVERLOADED)
            assert action(CloseCode.OVERLOADED) is ClientAction.RETRY_LATER
            await late.until(lambda: f"Count: {loads * window + 1}" in late.client.texts(), 60)
            await late.settle()
            assert f"Count: {loads * window + 1}" in late.client.texts()
        finally:
            await late.stop()


async def test_a_plain_client_waits_with_what_does_not_fit(world: World) -> None:
    node, _ = world.pair()
    megabyte = 1_000_000
    async with opened(node, Browser(route=world.route), "Count: 0") as client:
        name = client.flet.find(Find(type="TextField")).id
        await client.driver.act(
            "block", client.flet.step(Click("block")), lambda _: world.until_noted("block-start")
        )
        for number in range(2 * LIMITS.max_inbox_bytes // megabyte):
            props = {"id": name, "props": {"value": str(number).ljust(megabyte)}}
            await client.driver._socket.send(packet_of(Action.UPDATE_CONTROL_PROPS, props))
        assert "block-end" in world.noted(), "it was all read while the handler could not take it"
        await client.driver._socket.send(
            packet_of(Action.UPDATE_CONTROL_PROPS, {"id": name, "props": {"value": "last"}})
        )
        await client.do(Click("show"), "Form: last False")
    await world.until_noted("disconnect")


async def test_a_plain_client_that_waits_can_be_taken_over_from(world: World) -> None:
    node, _ = world.pair()
    browser = Browser(route=world.route)
    async with opened(node, browser, "Count: 0") as old:
        (click,) = old.flet.step(Click("plus"))
        await old.driver.act(
            "block", old.flet.step(Click("block")), lambda _: world.until_noted("block-start")
        )
        clicks = LIMITS.max_inbox_frames
        for _ in range(clicks):
            await old.driver._socket.send(click)
        async with opened(node, browser, f"Count: {clicks}") as new:
            await asyncio.wait_for(old.closed, 20)
            await new.do(Click("plus"), f"Count: {clicks + 1}")
