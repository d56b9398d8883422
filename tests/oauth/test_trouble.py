"""A provider that lies, is slow or down, and nodes that die in the middle: the user always gets an answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.test_hibernation import asleep
from tests.cluster.tools import Place, World, eventually, leave, seconds
from tests.oauth.conftest import Program
from tests.oauth.liar import Liar, liar
from tests.oauth.provider import Answer, sign_in
from tests.oauth.test_kinds import asked
from tests.oauth.test_sign_in import begin, said, token_in
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.oauth.conftest import Visitor
    from tests.tab import Tab


@pytest.fixture(scope="module")
def app() -> str:
    return "kinds_app.py"


@pytest.fixture(scope="module")
def it() -> Iterator[Liar]:
    with liar() as it:
        yield it


@pytest.fixture(autouse=True)
def _honest(it: Liar) -> Iterator[None]:
    it.answers.clear()
    it.asked.clear()
    yield
    if it.hold is not None:
        it.hold.set()
        it.hold = None


@pytest.fixture(scope="module")
def options(it: Liar) -> Mapping[str, str]:
    return {
        "LIAR": it.issuer,
        "SAVED": "/dev/null",
        "FLET_CLUSTER_METRICS": "true",
        "FLET_CLUSTER_OAUTH_TIMEOUT": seconds(2),
        "FLET_CLUSTER_HIBERNATE_AFTER": "0.3",
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


async def ask(tab: Tab, visitor: Visitor, it: Liar, **claims: Any) -> Answer:
    """Begin a sign-in there; return its answer, for which there will be a token with these claims."""
    visitor.opened.clear()
    sent = asked(await begin(tab, visitor, "liar"))
    it.answers["/token"] = {
        "access_token": "the access token",
        "id_token": it.sign(it.claims(**{"nonce": sent["nonce"], **claims})),
    }
    it.answers["/me"] = {"sub": "ada", "name": "Dr. Liar"}
    return Answer(f"state={sent['state']}&code=the-code-{sent['state']}&iss={it.issuer}")


async def fails_with(tab: Tab, words: str) -> None:
    await tab.until(lambda: any("Failed: " in text and words in text for text in tab.client.texts()))


async def test_one_that_tells_the_truth(world: World, visitor: Visitor, it: Liar) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        await visitor.visit((await ask(tab, visitor, it)).at(other.port))
        await said(tab, "ada is Dr. Liar of [] ")
    assert it.asked["/token"] == it.asked["/me"] == 1


@dataclass(frozen=True)
class Lie:
    """What is wrong, and what the user hears."""

    words: str
    claims: Mapping[str, Any] | None = None
    path: str = ""
    says: Any = None


@pytest.mark.parametrize(
    "lie",
    [
        Lie("clocks", {"iat": 4_000_000_000, "exp": 4_000_000_060}),
        Lie("clocks", {"iat": 1_000_000_000, "exp": 1_000_000_060}),
        Lie("not genuine", {"iss": "https://evil.test"}),
        Lie("not genuine", {"aud": "other"}),
        Lie("not genuine", {"nonce": "of another"}),
        Lie("another user", path="/me", says={"sub": "mallory"}),
        Lie("does not answer", path="/token", says=(503, {}, b"")),
        Lie("are the scopes right", path="/me", says=(403, {}, b"")),
        Lie("was used or has expired", path="/token", says={"error": "invalid_grant"}),
    ],
    ids=lambda lie: lie.words.replace(" ", "-"),
)
async def test_one_that_does_not(world: World, visitor: Visitor, it: Liar, lie: Lie) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        answer = await ask(tab, visitor, it, **(lie.claims or {}))
        if lie.path:
            it.answers[lie.path] = lie.says
        page = await visitor.visit(answer.at(other.port))
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        await fails_with(tab, lie.words)
    assert "the access token" not in world.fleet.logs()
    assert "the-code" not in world.fleet.logs()


async def test_one_that_says_no(world: World, visitor: Visitor, it: Liar) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        for words in ("You, or the sign-in service, declined. You are not signed in.", "Not today"):
            answer = await ask(tab, visitor, it)
            why = "" if words.startswith("You") else f"&error_description={words}"
            query = answer.query.replace("code=", "was=") + f"&error=access_denied{why}"
            page = await visitor.visit(Answer(query).at(other.port))
            assert (page.status_code, "Not signed in" in page.text) == (200, True)
            await world.until_noted(f"failed access_denied ({words})")
    assert it.asked["/token"] == 0


async def test_a_token_is_not_renewed_into_somebody_elses(world: World, visitor: Visitor, it: Liar) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        answer = await ask(tab, visitor, it)
        it.answers["/token"] |= {"refresh_token": "the first", "expires_in": 3600}
        await visitor.visit(answer.at(other.port))
        await said(tab, "ada is Dr. Liar of [] ")
        token = {"access_token": "b", "expires_in": 3600}
        it.answers["/token"] = {**token, "id_token": it.sign(it.claims(sub="mallory", nonce=None))}
        await tab.do(Click("renew"))
        await eventually(lambda: any("another user" in what for what in world.noted()), "it is refused")
        await tab.do(Click("who"))
        await said(tab, "Still: ada is Dr. Liar of [] ; oauthlib: False")


async def test_one_that_is_slow_holds_up_nobody(world: World, visitor: Visitor, it: Liar) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        answer = await ask(tab, visitor, it)
        it.hold = threading.Event()
        await visitor.visit(answer.at(other.port))
        await tab.do(Click("who"))  # the page goes on
        await said(tab, "Still: signed in without a user by ClusterAuthorization; oauthlib: False")
        await fails_with(tab, "takes too long")
        it.hold.set()
        it.hold = None
        await visitor.visit((await ask(tab, visitor, it)).at(other.port))
        await said(tab, "ada is Dr. Liar of [] ")


async def test_the_node_dies_with_the_code_in_its_hands(world: World, visitor: Visitor, it: Liar) -> None:
    """Nobody knows whether the code was used. The next node tries; if it was, the user is told."""
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place, visitor) as tab:
        answer = await ask(tab, visitor, it)
        it.hold = threading.Event()
        await visitor.visit(answer.at(other.port))
        await eventually(lambda: exchanges(world), "the holder claims the code")
        place.move(other)
        holder.kill()
        it.answers["/token"] = {"error": "invalid_grant"}
        it.hold.set()
        it.hold = None
        await fails_with(tab, "was used or has expired")
        await visitor.visit((await ask(tab, visitor, it)).at(other.port))
        await said(tab, "ada is Dr. Liar of [] ")


def exchanges(world: World) -> list[Any]:
    return list(world.records.redis.scan_iter(f"fc:{world.fleet.app_name}:exchange:code:*"))


async def test_the_node_dies_with_the_token_in_its_hands(world: World, visitor: Visitor, it: Liar) -> None:
    """The code is used up, the commit never came: the next node finds the token, and does not ask again."""
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place, visitor) as tab:
        answer = await ask(tab, visitor, it)
        hold = threading.Event()
        say = it.say

        def slowly(path: str) -> tuple[int, dict[str, str], bytes]:
            if path == "/me" and not hold.is_set():
                it.asked["/me/first"] += 1
                hold.wait(20)
            return say(path)

        it.say = slowly  # type: ignore[method-assign]
        try:
            await visitor.visit(answer.at(other.port))
            await eventually(lambda: it.asked["/me/first"], "the holder has the token and asks for the user")
            await tab.do(Click("who"))  # a commit in the middle of it
            place.move(other)
            holder.kill()
            hold.set()
            await said(tab, "ada is Dr. Liar of [] ")
        finally:
            hold.set()
            it.say = say  # type: ignore[method-assign]
        assert it.asked["/token"] == 1
        kept: Any = [world.records.redis.hvals(key) for key in exchanges(world)]
        for value in [value for values in kept for value in values]:
            assert b"the access token" not in value


async def test_it_wakes_a_session_that_sleeps(world: World, visitor: Visitor, it: Liar) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        answer = await ask(tab, visitor, it)
        await asleep(holder)
        await visitor.visit(answer.at(other.port))
        await said(tab, "ada is Dr. Liar of [] ")
        await asleep(holder)
        await tab.do(Click("who"))
        await said(tab, "Still: ada is Dr. Liar of [] ; oauthlib: False")
        assert tab.nodes == [holder.node_id]


async def test_a_sign_in_outlives_every_node(world: World, visitor: Visitor) -> None:
    """A rolling restart while the user is at the provider, and another when the user is back."""
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place, visitor) as tab:
        url = await begin(tab, visitor, "openid")
        third = world.fleet.add()
        place.move(third)
        assert [await leave(first), await leave(second)] == [0, 0]
        await visitor.visit(sign_in(url, "ada").at(world.fleet.add().port))
        await said(tab, "ada is Dr. ada of [staff,readers] ")
        for node in [node for node in world.fleet.nodes if node.process.poll() is None]:
            place.move(world.fleet.add())
            assert await leave(node) == 0
        await tab.do(Click("who"))
        await said(tab, "Still: ada is Dr. ada of [staff,readers] ; oauthlib: False")
        assert tab.resumes > 1
        assert not tab.ended


async def test_a_client_that_is_not_a_browser(world: World, it: Liar) -> None:
    holder, other = world.pair()
    visitor = Program(route=world.route)
    async with world.tab(Place(holder), visitor) as tab:
        answer = (await ask(tab, visitor, it)).at(other.port)
        page = await visitor.visit(answer)
        await visitor.visit(f"{answer}&sure={token_in(page.text)}")
        await said(tab, "ada is Dr. Liar of [] ")
        assert "UrlLauncher.launch_url" in tab.client.calls
        assert "UrlLauncher.open_window" not in tab.client.calls
        assert any(call.endswith(".to_front") for call in tab.client.calls)
