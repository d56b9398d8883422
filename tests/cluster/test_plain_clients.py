"""Clients without the link (desktop, mobile): Flet's own protocol, with its own way to come back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.tools import World, eventually, id_of, seconds
from tests.flet_client import FletClient
from tests.plain_driver import PlainDriver, arrived
from tests.steps import Click
from tests.wire import Action, decode
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.fleet import FleetNode
    from tests.steps import Step


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


class PlainClient:
    """One connection of a client that knows nothing but Flet."""

    def __init__(self, driver: PlainDriver, reading: asyncio.Task[None]) -> None:
        self.driver = driver
        self.flet = driver.client
        self.closed = reading

    @property
    def token(self) -> str:
        """What Flet calls the session id."""
        token = self.flet.browser.session_id
        assert token is not None
        return token

    async def do(self, step: Step, shows: str) -> None:
        """Do a step and wait for what it shows."""
        await self.driver.act(repr(step), self.flet.step(step), lambda _: self.until(shows))

    async def until(self, shows: str) -> None:
        await eventually(lambda: shows in self.flet.texts(), f"{shows} in {self.flet.texts()}")


@contextlib.asynccontextmanager
async def opened(node: FleetNode, browser: Browser, shows: str) -> AsyncIterator[PlainClient]:
    """Connect and register, as a client does at start and each time its socket ended."""
    async with connect(node.url, max_size=None, proxy=None) as socket:
        driver = PlainDriver(socket, FletClient(browser))
        reading = asyncio.create_task(driver.read())
        client = PlainClient(driver, reading)
        await driver.act("register", [client.flet.register()], lambda _: client.until(shows))
        yield client
        await socket.close()
        await reading


async def test_the_session_id_is_the_token_and_stays(world: World) -> None:
    first, second = world.pair()
    browser = Browser(route=world.route)
    async with opened(first, browser, "Count: 0") as client:
        await client.do(Click("plus"), "Count: 1")
        token = client.token
        assert world.records.existing(id_of(token)).owner == first.node_id
    await world.until_noted("disconnect")
    for node, count in ((first, 1), (second, 2)):
        async with opened(node, browser, f"Count: {count}") as client:
            assert client.token == token
            await client.do(Click("plus"), f"Count: {count + 1}")
        await world.until_noted("disconnect", count + 1)
    assert world.noted() == ["main", "disconnect", "connect", "disconnect", "connect", "disconnect"]


async def test_it_resumes_elsewhere_after_a_kill_with_the_whole_page(world: World) -> None:
    first, second = world.pair()
    browser = Browser(route=world.route)
    async with opened(first, browser, "Count: 0") as client:
        await client.do(Click("plus"), "Count: 1")
        first.kill()
        await client.closed
    async with opened(second, browser, "Count: 1") as client:
        actions = [decode(packet) for packet in client.flet.packets]
        action, body = actions[0]
        assert action is Action.REGISTER_CLIENT
        assert "views" in body["page_patch"]
        await client.do(Click("plus"), "Count: 2")
    await world.until_noted("disconnect")
    assert world.noted() == ["main", "connect", "disconnect"]


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_valid_token_takes_over_from_a_socket_that_looks_alive(
    world: World, *, elsewhere: bool
) -> None:
    first, second = world.pair()
    browser = Browser(route=world.route)
    async with opened(first, browser, "Count: 0") as old:
        await old.do(Click("plus"), "Count: 1")
        async with opened(second if elsewhere else first, browser, "Count: 1") as new:
            await asyncio.wait_for(old.closed, 20)
            await new.do(Click("plus"), "Count: 2")
            assert "disconnect" not in world.noted()


@pytest.mark.parametrize("trouble", ["tampered", "foreign", "expired"])
async def test_a_bad_token_gives_a_new_session(world: World, trouble: str) -> None:
    first, second = world.pair()
    browser = Browser(route=world.route)
    async with opened(first, browser, "Count: 0") as client:
        await client.do(Click("plus"), "Count: 1")
        token = client.token
        first.kill()
        await client.closed
    if trouble == "tampered":
        browser.session_id = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    elif trouble == "foreign":
        browser.session_id = "an id that Flet itself may have given"
    else:
        world.records.redis.hset(world.records.key(id_of(token)), "deadline", "1")
    async with opened(second, browser, "Count: 0") as client:
        assert id_of(client.token) != id_of(token)
        await client.do(Click("plus"), "Count: 1")
    assert world.noted("main") == ["main", "main"]


async def test_who_registers_again_without_a_token_keeps_its_session(world: World) -> None:
    node, _ = world.pair()
    browser = Browser(route=world.route)
    async with opened(node, browser, "Count: 0") as client:
        await client.do(Click("plus"), "Count: 1")
        token, sessions = client.token, world.records.count()
        for _ in range(20):
            browser.session_id = None
            await client.driver.act("again", [client.flet.register()], arrived(client.driver.received + 1))
            assert client.token == token
        assert world.records.count() == sessions
        await client.do(Click("plus"), "Count: 2")
    await world.until_noted("disconnect")
    assert world.noted("main", "disconnect") == ["main", "disconnect"]


async def test_a_socket_that_turns_to_another_session_has_left_the_first(world: World) -> None:
    node, _ = world.pair()
    other = Browser(route=f"{world.route}-other")
    async with opened(node, other, "Count: 0") as client:
        await client.do(Click("plus"), "Count: 1")
    async with opened(node, Browser(route=world.route), "Count: 0") as client:
        first, client.flet.browser.session_id = client.token, other.session_id
        await client.driver.act("turn", [client.flet.register()], lambda _: client.until("Count: 1"))
        assert client.token == other.session_id
        await world.until_noted("disconnect")
        await eventually(lambda: not world.records.existing(id_of(first)).owner, "the first session sleeps")
        assert world.records.existing(id_of(client.token)).owner == node.node_id
