"""``page.login`` with a real provider, whose answer comes to whatever node."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.cluster.tools import Place, World, eventually, seconds
from tests.oauth.conftest import Program, cookie_name
from tests.oauth.provider import Answer, refuse, sign_in, visit
from tests.steps import Click

from flet_cluster.host.sign_in import NO_BROWSER
from flet_cluster.http.oauth import TOO_LATE
from flet_cluster.node.sign_ins import LATE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.oauth.conftest import Visitor
    from tests.tab import Tab

STATE_SECONDS = 77


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(60),
        "FLET_OAUTH_STATE_TIMEOUT": str(STATE_SECONDS),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


def state_in(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


async def begin(tab: Tab, visitor: Visitor, button: str = "sign in") -> str:
    """Press the button; returns where the app sends the user."""
    await tab.do(Click(button))
    await tab.until(lambda: bool(visitor.opened))
    return visitor.opened[-1]


async def said(tab: Tab, text: str) -> None:
    await tab.until(lambda: text in tab.client.texts())


async def test_the_answer_comes_to_a_node_that_does_not_hold_the_session(
    world: World, visitor: Visitor
) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        url = await begin(tab, visitor)
        key = f"fc:{world.fleet.app_name}:oauth:{state_in(url)}"
        late = world.records.redis.pttl(key.replace(":oauth:", ":oauth-late:"))
        assert late > LATE_SECONDS * 1000
        left = world.records.redis.pttl(key)
        assert 0 < left <= STATE_SECONDS * 1000
        assert left > (STATE_SECONDS - 60) * 1000
        answer = sign_in(url, "ada")
        assert (await visitor.visit(answer.at(other.port), "HEAD")).status_code == 405
        page = await visitor.visit(answer.at(other.port))
        assert page.status_code == 200
        assert "window.close()" in page.text
        assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
        await said(tab, "ada is Dr. ada")
        assert world.marks.all(world.route)[1:] == [
            ("login ada is Dr. ada on the thread", holder.process.pid)
        ]
        for node in (other, holder):
            again = await visitor.visit(answer.at(node.port))
            assert again.status_code == 400
            assert "completed before" in again.text
        row = world.row(tab)
        assert row.fields["inbox"] == row.fields["posted"]
        await eventually(lambda: not world.records.redis.exists(inbox(world, tab)), "the inbox is empty")
        await tab.do(Click("sign out"))
        await said(tab, "Signed out")
        await tab.do(Click("who"))
        assert "Still: nobody" in tab.client.texts()
    assert world.noted() == ["main", "login ada is Dr. ada on the thread", "logout"]


def inbox(world: World, tab: Tab) -> str:
    assert tab.link.token is not None
    return world.records.key(tab.link.token.partition("~")[0]).removesuffix("s") + "inbox"


async def test_the_holder_dies_while_its_user_is_away(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place, visitor) as tab:
        answer = sign_in(await begin(tab, visitor), "bob")
        place.move()
        holder.kill()
        assert (
            await visitor.visit(answer.at(other.port))
        ).status_code == 200  # nobody holds the session: it waits
        assert world.noted() == ["main"]
        place.move(other)
        await said(tab, "bob is Dr. bob")
        assert tab.node == other.node_id
        other.kill()
        third, _ = world.pair()
        place.move(third)
        await tab.do(Click("who"))
        await said(tab, "Still: bob is Dr. bob")
    assert world.noted("login bob is Dr. bob on the thread") == ["login bob is Dr. bob on the thread"]
    assert len(world.noted()) == 2


async def test_a_user_thinks_better_of_it(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        page = await visitor.visit(refuse(await begin(tab, visitor)).at(other.port))
        assert page.status_code == 200
        assert "Not signed in" in page.text
        await said(tab, "Failed: access_denied")


async def test_the_app_says_goodbye_in_its_own_words(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        page = await visitor.visit(sign_in(await begin(tab, visitor, "own words"), "eve").at(other.port))
        assert "The app says: done." in page.text
        await said(tab, "eve is Dr. eve")


async def test_in_the_same_window(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        url = await begin(tab, visitor, "same window")
        token = tab.link.token
    assert world.noted("login") == []
    answer = await visitor.visit(sign_in(url, "fay").at(other.port))
    assert (answer.status_code, answer.headers["location"]) == (303, f"http://127.0.0.1:1{world.route}")
    async with world.tab(Place(other), visitor, token=token, instance=f"{tab.link.instance}-2") as back:
        await said(back, "fay is Dr. fay")
        assert back.client.browser.route == world.route
    assert world.noted() == ["main", "login fay is Dr. fay on the thread"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "not complete"),
        ("state=x", "not complete"),
        ("code=x", "not complete"),
        ("state=x&code=y", "expired"),
        ("state=%00%0a&code=y", "expired"),
        (f"state={'x' * 300}&code=y", "expired"),
        (f"state=x&code={'y' * 20_000}", "too long"),
        ("state=%3Cscript%3E&error=%3Cscript%3E", "expired"),
    ],
)
def test_answers_to_nothing(world: World, query: str, reason: str) -> None:
    node, _ = world.pair()
    page = httpx.get(Answer(query).at(node.port))
    assert page.status_code == 400
    assert page.headers["content-type"].startswith("text/html")
    assert reason in page.text
    assert "Traceback" not in page.text
    assert "<script>" not in page.text


async def test_a_state_does_not_live_for_ever(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        url = await begin(tab, visitor)
        world.records.redis.pexpire(f"fc:{world.fleet.app_name}:oauth:{state_in(url)}", 1)
        page = await visitor.visit(sign_in(url, "ada").at(other.port))
        assert page.status_code == 400
        assert "took too long" in page.text
        await said(tab, f"Failed: {TOO_LATE}")
        again = await visitor.visit(sign_in(url, "ada").at(holder.port))
        assert again.status_code == 400
        await tab.settle()
    assert world.noted() == ["main", f"login {TOO_LATE} on the thread"]


async def test_the_page_is_no_more_when_its_user_comes_back(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        answer = sign_in(await begin(tab, visitor), "ada")
        assert tab.link.token is not None
        world.records.redis.delete(world.records.key(tab.link.token.partition("~")[0]))
        page = await visitor.visit(answer.at(other.port))
    assert page.status_code == 400
    assert "no longer there" in page.text


async def test_only_the_browser_that_asked_may_answer(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    name = cookie_name(world)
    async with world.tab(Place(holder), visitor) as tab:
        answer = sign_in(await begin(tab, visitor), "ada")
        for cookies in ({}, {name: "of somebody who was led here"}):
            page = await visit(answer.at(other.port), cookies=cookies)
            assert page.status_code == 403
            assert "another browser" in page.text
        assert (await visitor.visit(answer.at(other.port))).status_code == 200
        await said(tab, "ada is Dr. ada")
    assert world.noted() == ["main", "login ada is Dr. ada on the thread"]


async def test_a_browser_that_is_not_known_signs_nobody_in(world: World, visitor: Visitor) -> None:
    """Neither cookie nor Origin came with its handshake: its answer could come from anybody's browser."""
    holder, _ = world.pair()
    visitor.cookie = ""
    async with world.tab(Place(holder), visitor) as tab:
        await tab.do(Click("sign in"))
        await said(tab, f"Failed: {NO_BROWSER}")
        await world.until_noted(f"login {NO_BROWSER} on the thread")
        assert visitor.opened == []


async def test_a_browser_that_only_says_so_is_given_no_name(world: World, visitor: Visitor) -> None:
    """Not a browser, it says; who follows its link is asked, and nothing happens without an answer."""
    holder, other = world.pair()
    script = Program(route=world.route)
    async with world.tab(Place(holder), script) as tab:
        answer = sign_in(await begin(tab, script), "victim")
        page = await visit(answer.at(other.port), cookies={cookie_name(world): "of the victim"})
        assert (page.status_code, "Was it you?" in page.text) == (200, True)
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        for token in ("", "sure", "%00", token_in(page.text)[:-8] + "AAAAAAA="):
            again = await visit(f"{answer.at(other.port)}&sure={token}")
            assert "Was it you?" in again.text
        stolen = answer.at(other.port).replace("code=", "code=x") + f"&sure={token_in(page.text)}"
        assert "Was it you?" in (await visit(stolen)).text
        await tab.settle()
        assert world.noted() == ["main"]
        page = await visit(f"{answer.at(holder.port)}&sure={token_in(page.text)}")
        assert (page.status_code, "Welcome back" in page.text) == (200, True)
        await said(tab, "victim is Dr. victim")
        again = await visit(f"{answer.at(holder.port)}&sure={token_in(page.text)}")
        assert again.status_code == 400


def token_in(page: str) -> str:
    """What the button of the page that asks would send."""
    found = re.search(r'name="sure" value="([^"]+)"', page)
    return found[1] if found else ""


async def test_a_second_sign_in_takes_the_place_of_the_first(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        first = sign_in(await begin(tab, visitor), "early")
        visitor.opened.clear()
        second = sign_in(await begin(tab, visitor), "late")
        page = await visitor.visit(first.at(other.port))
        assert (page.status_code, "another was begun" in page.text) == (400, True)
        assert (await visitor.visit(second.at(other.port))).status_code == 200
        await said(tab, "late is Dr. late")
    assert world.noted() == ["main", "login late is Dr. late on the thread"]
