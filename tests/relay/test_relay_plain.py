"""Clients without the link are relayed too, and come back the way Flet knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser import Browser
from tests.cluster.test_plain_clients import opened
from tests.cluster.tools import World, eventually, id_of, metric
from tests.steps import Click

if TYPE_CHECKING:
    from tests.cluster.test_plain_clients import PlainClient


def step(client: PlainClient) -> int:
    """How far the handler has come, as the client sees it."""
    return next(int(text[6:]) for text in client.flet.texts() if text.startswith("Step: "))


async def test_a_long_handler_shows_its_progress_through_another_node(world: World) -> None:
    holder, front = world.pair()
    browser = Browser(route=world.route)
    async with opened(holder, browser, "Count: 0") as client:
        await client.do(Click("work"), "Step: 1")
        token = client.token
    async with opened(front, browser, "Count: 0") as client:
        assert client.token == token
        first = step(client)
        await eventually(lambda: step(client) >= first + 3, "it goes on")
        await client.do(Click("plus"), "Count: 1")
        assert "work-end" not in world.noted()
        assert metric(front, "relays_fronted") == 1
        assert world.records.existing(id_of(token)).owner == holder.node_id
        await client.until("Step: 20")
        # It stays where it is while its client is here: to move it, the client would have to load its page.
        await client.do(Click("plus"), "Count: 2")
        assert not client.closed.done()
    await eventually(lambda: metric(front, "relays_fronted") == 0, "the relay has ended")
    async with opened(front, browser, "Count: 2") as client:
        await client.do(Click("plus"), "Count: 3")
        assert world.records.existing(id_of(token)).owner == front.node_id
    assert world.noted("main", "work-start", "work-end") == ["main", "work-start", "work-end"]


async def test_a_client_whose_holder_dies_gets_its_page_from_the_next_node(world: World) -> None:
    holder, front = world.pair()
    browser = Browser(route=world.route)
    async with opened(holder, browser, "Count: 0") as client:
        await client.do(Click("hold"), "Count: 0")
        await client.do(Click("free"), "Count: 0")
        await client.do(Click("work"), "Step: 1")
    async with opened(front, browser, "Count: 0") as client:
        await client.do(Click("plus"), "Count: 1")
        holder.kill()
        await client.closed
    async with opened(front, browser, "Count: 1") as client:
        await client.do(Click("plus"), "Count: 2")
    assert world.noted("main") == ["main"]
