"""Who may open a socket, and what binds a session to its browser."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, World, closed_with, session_of
from tests.servers import fresh_app
from tests.steps import Click
from tests.tab import Tab, TabEnded, open_tab
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from flet_cluster.node.tokens import Tokens
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fleet import FleetNode

FRIEND = "https://friend.example"
OLD_KEY, NEW_KEY = "an old key that is for tests only", "a new key that is for tests only"


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"FLET_CLUSTER_ALLOWED_ORIGINS": FRIEND}


def origin(node: FleetNode) -> dict[str, str]:
    """What a browser sends that has the page from this node."""
    return {"Origin": f"http://127.0.0.1:{node.port}"}


async def handshake(node: FleetNode, headers: Mapping[str, str]) -> ClientConnection:
    """Open a socket of the link and return it, closed."""
    async with connect(node.url, subprotocols=[SUBPROTOCOL], additional_headers=headers) as socket:  # type: ignore[list-item]
        return socket


def cookie_of(socket: ClientConnection) -> SimpleCookie:
    """The cookie that came with the answer to the handshake."""
    assert socket.response is not None
    return SimpleCookie(socket.response.headers.get("Set-Cookie", ""))


async def browser_headers(node: FleetNode) -> dict[str, str]:
    """Headers of a browser that has its cookie."""
    (morsel,) = cookie_of(await handshake(node, origin(node))).values()
    return {**origin(node), "Cookie": f"{morsel.key}={morsel.value}"}


@pytest.mark.parametrize("foreign", ["https://evil.example", "http://127.0.0.1:1", "null"])
async def test_a_foreign_page_is_refused_before_the_upgrade(world: World, foreign: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await handshake(world.pair()[0], {"Origin": foreign})
    assert refused.value.response.status_code == 403


async def test_the_log_says_now_and_then_what_to_set(world: World) -> None:
    node, _ = world.pair()
    for foreign in ("https://one.example", "https://two.example"):
        for _ in range(3):
            with pytest.raises(InvalidStatus):
                await handshake(node, {"Origin": foreign})
    log = node.log.read_text()
    for foreign in ("https://one.example", "https://two.example"):
        assert log.count(f"FLET_CLUSTER_ALLOWED_ORIGINS={foreign}") == 1


async def test_a_page_over_plain_http_is_refused_where_the_proxy_speaks_https(world: World) -> None:
    node, _ = world.pair()
    with pytest.raises(InvalidStatus):
        await handshake(node, {**origin(node), "X-Forwarded-Proto": "https"})
    safe = {"Origin": f"https://127.0.0.1:{node.port}"}
    for forwarded in ({}, {"X-Forwarded-Proto": "https"}):
        assert cookie_of(await handshake(node, {**safe, **forwarded}))


async def test_own_and_allowed_origins_and_none_are_let_in(world: World) -> None:
    node, _ = world.pair()
    assert cookie_of(await handshake(node, origin(node)))
    assert cookie_of(await handshake(node, {"Origin": FRIEND}))
    assert not cookie_of(await handshake(node, {})), "a client that is no browser needs no cookie"


async def test_a_browser_gets_a_cookie_that_scripts_cannot_read(world: World) -> None:
    node, _ = world.pair()
    (morsel,) = cookie_of(await handshake(node, origin(node))).values()
    assert morsel["httponly"]
    assert morsel["samesite"] in {"Lax", "Strict"}
    assert not cookie_of(await handshake(node, await browser_headers(node))), "it has one already"


async def refused(world: World, node: FleetNode, token: str | None, headers: Mapping[str, str]) -> None:
    """Show that a token does not open its session for a page with these headers."""
    thief = Tab(Place(node), None, token)
    thief.headers = dict(headers)
    try:
        with pytest.raises(TabEnded, match="reset: refused"):
            await thief.start()
        await closed_with(thief, CloseCode.REFUSED)
        assert not thief.client.packets
    finally:
        await thief.stop()


async def test_a_browsers_token_is_useless_without_its_cookie(world: World) -> None:
    first, second = world.pair()
    headers = await browser_headers(first)
    async with world.tab(Place(first), headers=headers) as tab:
        await tab.do(Click("plus"))
        for node in (first, second):
            await refused(world, node, tab.link.token, origin(node))
            await refused(world, node, tab.link.token, {})
            name = headers["Cookie"].partition("=")[0]
            await refused(world, node, tab.link.token, {**origin(node), "Cookie": f"{name}=another"})
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert not tab.closes, "the thief disturbed the owner"


async def test_the_cookie_counts_not_the_address_or_the_browser(world: World) -> None:
    first, second = world.pair()
    headers = await browser_headers(first)
    place = Place(first)
    async with world.tab(place, headers=headers) as tab:
        await tab.do(Click("plus"))
        # The proxy in front is believed by default on loopback: the same user, now on a train.
        tab.headers = {
            **headers,
            **origin(second),
            "User-Agent": "updated/2",
            "X-Forwarded-For": "203.0.113.9",
        }
        place.move(second)
        await tab.cut()
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert tab.resumes == 1


async def test_a_native_clients_token_needs_no_cookie(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        place.move(second)
        await tab.cut()
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()


async def test_tampered_tokens_and_those_of_another_app_are_refused(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:
        await tab.do(Click("plus"))
        token = str(tab.link.token)
        session_id, _, rest = token.partition("~")
        secret = "a secret for tests only, thirty two characters"
        for wrong in (
            token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
            f"{session_id[:-1]}{'A' if session_id[-1] != 'A' else 'B'}~{rest}",
            Tokens([secret], fresh_app()).issue(session_id, "", "").text,
            Tokens([OLD_KEY], world.fleet.app_name).issue(session_id, "", "").text,
        ):
            await refused(world, node, wrong, {})
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()


async def test_keys_are_changed_in_a_rolling_restart(world: World) -> None:
    """Three rounds of restarts: all know the new key, all use it, all forget the old one."""
    rounds = [
        {"FLET_SECRET_KEY": OLD_KEY},
        {"FLET_SECRET_KEY": OLD_KEY, "FLET_SECRET_KEY_FALLBACKS": NEW_KEY},
        {"FLET_SECRET_KEY": NEW_KEY, "FLET_SECRET_KEY_FALLBACKS": OLD_KEY},
    ]
    place = Place(node := world.fleet.add(**rounds[0]))
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        session_id, token = session_of(tab), tab.link.token
        for number, env in enumerate(rounds[1:], 1):
            place.move(fresh := world.fleet.add(**env))
            node.kill()
            node = fresh
            await tab.do(Click("plus"))
            assert tab.resumes == number
        assert "Count: 3" in tab.client.texts()
        assert (session_of(tab), tab.link.token) == (session_id, token)
        browser = tab.client.browser
    async with open_tab(place, browser, token=token) as tab:
        assert "Count: 3" in tab.client.texts()
    node.kill()
