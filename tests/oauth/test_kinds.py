"""Every kind of provider, by the flow of this package, with a real provider behind."""

# ruff: noqa: ASYNC240 - a small file, in a test

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.cluster.tools import Place, World, eventually, seconds, send
from tests.oauth.provider import Answer, sign_in
from tests.oauth.test_sign_in import begin, said, state_in
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.oauth.conftest import Visitor
    from tests.tab import Tab


@pytest.fixture(scope="module")
def app() -> str:
    return "kinds_app.py"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved") / "token.json"


@pytest.fixture(scope="module")
def options(saved: Path) -> Mapping[str, str]:
    return {
        "SAVED": str(saved),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


def asked(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize(
    ("kind", "user"),
    [
        ("openid", "ada is Dr. ada of [staff,readers]"),
        ("public", "ada is Dr. ada of [staff,readers]"),
        ("edwards", "ada is Dr. ada of [staff,readers]"),
        ("generic", "ada is Dr. ada of []"),
        ("generic with issuer", "ada is Dr. ada of []"),
        ("github", "7 is Dr. ada of [staff] ada@mail.test"),
        ("google", "ada is Dr. ada of []"),
        ("azure", "ada is Dr. ada of []"),
        ("auth0", "ada is Dr. ada of []"),
    ],
)
async def test_signing_in_with(world: World, visitor: Visitor, kind: str, user: str) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        url = await begin(tab, visitor, kind)
        sent = asked(url)
        assert (sent["code_challenge_method"], len(sent["code_challenge"])) == ("S256", 43)
        assert kind != "github" or sent["scope"] == "read:user user:email read:org"
        assert ("nonce" in sent) == (kind in {"openid", "public", "edwards", "generic with issuer"})
        page = await visitor.visit(sign_in(url, "ada").at(other.port))
        assert (page.status_code, "Welcome back" in page.text) == (200, True)
        await tab.until(lambda: any(text.startswith(user) for text in tab.client.texts()))
        await tab.do(Click("who"))
        assert any(text.endswith("oauthlib: False") for text in tab.client.texts())


async def token_of(world: World, tab: Tab) -> dict[str, Any]:
    before = len(noted(world, "token "))
    await tab.do(Click("keep"))
    await eventually(lambda: len(noted(world, "token ")) > before, "the token is noted")
    return dict(json.loads(noted(world, "token ")[-1]))


def noted(world: World, prefix: str) -> list[str]:
    return [what.removeprefix(prefix) for what in world.noted() if what.startswith(prefix)]


async def test_the_user_is_signed_in_on_the_next_node(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place, visitor) as tab:
        await visitor.visit(sign_in(await begin(tab, visitor, "openid"), "ada").at(other.port))
        await said(tab, "ada is Dr. ada of [staff,readers] ")
        token = await token_of(world, tab)
        place.move(other)
        holder.kill()
        await tab.do(Click("who"))
        await said(tab, "Still: ada is Dr. ada of [staff,readers] ; oauthlib: False")
        assert await token_of(world, tab) == token
    assert token["access_token"]
    assert token["refresh_token"]
    for value in everything(world):
        for secret in (token["access_token"], token["refresh_token"], "a secret for tests only"):
            assert secret.encode() not in value


def everything(world: World) -> list[bytes]:
    """Every value that is in the store."""
    found: list[bytes] = []
    client: Any = world.records.redis
    for key in client.scan_iter():
        kind = client.type(key)
        found.append(key)
        if kind == b"hash":
            found += [part for pair in client.hgetall(key).items() for part in pair]
        elif kind == b"string":
            found.append(client.get(key))
        else:
            found.append(client.dump(key))
    assert len(found) > 10
    return found


async def renewed(world: World, tab: Tab, button: str = "renew") -> dict[str, Any]:
    before = len(noted(world, "renewed "))
    await tab.do(Click(button))
    await eventually(lambda: len(noted(world, "renewed ")) > before, f"renewed: {world.noted()}")
    return dict(json.loads(noted(world, "renewed ")[-1]))


async def test_a_token_that_was_renewed_is_renewed_once(world: World, visitor: Visitor, saved: Path) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        await visitor.visit(sign_in(await begin(tab, visitor, "openid"), "ada").at(other.port))
        await said(tab, "ada is Dr. ada of [staff,readers] ")
        first = await token_of(world, tab)
        second = await renewed(world, tab)
        assert second["refresh_token"] != first["refresh_token"]
        assert second["expires_at"] > time.time()
        saved.write_text(json.dumps(first))  # as another session has it, elsewhere, and uses it late
        later = World(world.fleet, world.marks, world.records, f"{world.route}-late")
        other_visitor = visitor.elsewhere(later.route)
        async with later.tab(Place(other), other_visitor) as another:
            await another.do(Click("come back"))
            await said(another, "ada is Dr. ada of [staff,readers] ")
            assert (await token_of(later, another))["access_token"] == second["access_token"]
        third = await renewed(world, tab, "renew in a thread")  # nothing was withdrawn
        assert third["refresh_token"] not in {first["refresh_token"], second["refresh_token"]}
    for value in everything(world):
        assert not any(token["refresh_token"].encode() in value for token in (first, second, third))


async def test_a_token_that_has_expired_is_renewed_when_it_is_asked_for(
    world: World, visitor: Visitor
) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        await visitor.visit(sign_in(await begin(tab, visitor, "short"), "ada").at(other.port))
        await said(tab, "ada is Dr. ada of [staff,readers] ")
        first = await token_of(world, tab)
        await asyncio.sleep(1.2)  # of its eleven seconds the last ten do not count
        second = await token_of(world, tab)
        assert second["refresh_token"] != first["refresh_token"]
        assert second["expires_at"] > first["expires_at"]


async def test_two_sessions_renew_a_token_at_once(world: World, visitor: Visitor, saved: Path) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        await visitor.visit(sign_in(await begin(tab, visitor, "openid"), "bob").at(other.port))
        await said(tab, "bob is Dr. bob of [staff,readers] ")
        saved.write_text(json.dumps(await token_of(world, tab)))
    worlds = [World(world.fleet, world.marks, world.records, f"{world.route}-late{n}") for n in range(4)]
    async with contextlib.AsyncExitStack() as stack:
        tabs = [
            await stack.enter_async_context(one.tab(Place(node), visitor.elsewhere(one.route)))
            for one, node in zip(worlds, (holder, other) * 2, strict=True)
        ]
        for tab in tabs:
            send(tab, Click("come back"))
        for tab in tabs:
            await said(tab, "bob is Dr. bob of [staff,readers] ")
        tokens = [(await token_of(one, tab))["refresh_token"] for one, tab in zip(worlds, tabs, strict=True)]
    assert len(set(tokens)) == 1
    assert tokens[0] != json.loads(saved.read_text())["refresh_token"]


async def test_the_renewed_token_is_found_by_a_node_that_lost_the_commit(
    world: World, visitor: Visitor, saved: Path
) -> None:
    """As after a node that died between the provider's answer and its commit: the old token is used again."""
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        await visitor.visit(sign_in(await begin(tab, visitor, "openid"), "eve").at(other.port))
        await said(tab, "eve is Dr. eve of [staff,readers] ")
        first = await token_of(world, tab)
        saved.write_text(json.dumps(first))
        second = await renewed(world, tab)
        late = World(world.fleet, world.marks, world.records, f"{world.route}-late")
        async with late.tab(Place(other), visitor.elsewhere(late.route)) as again:
            await again.do(Click("come back"))
            await said(again, "eve is Dr. eve of [staff,readers] ")
            assert (await token_of(late, again))["refresh_token"] == second["refresh_token"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("bad secret", "does not know this app"),
        ("bad secret in the body", "does not know this app"),
        ("wrong verifier", "was used or has expired"),
        ("not safe", "must begin with https://"),
    ],
)
async def test_what_the_provider_refuses(world: World, visitor: Visitor, kind: str, error: str) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        page = await visitor.visit(sign_in(await begin(tab, visitor, kind), "ada").at(other.port))
        assert page.status_code == 200
        await tab.until(lambda: any("Failed: " in text and error in text for text in tab.client.texts()))
        visitor.opened.clear()
        await visitor.visit(sign_in(await begin(tab, visitor, "openid"), "ada").at(other.port))
        await said(tab, "ada is Dr. ada of [staff,readers] ")  # nothing is broken by it
    logs = world.fleet.logs()
    assert "a sign-in failed: " in logs
    assert "a secret for tests only" not in logs


async def test_a_provider_that_is_down_when_its_endpoints_are_needed(world: World, visitor: Visitor) -> None:
    holder, _ = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        await tab.do(Click("nowhere"))
        await said(tab, "Failed: The sign-in service does not answer. Try again in a moment.")
    assert visitor.opened == []


async def test_an_answer_of_another_issuer(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        for changed in ("iss=https%3A%2F%2Fevil.test", ""):
            visitor.opened.clear()
            answer = sign_in(await begin(tab, visitor, "openid"), "ada")
            query = "&".join(part for part in answer.query.split("&") if not part.startswith("iss="))
            page = await visitor.visit(Answer(f"{query}&{changed}").at(other.port))
            assert page.status_code == 200
            await tab.until(lambda: any("another sign-in service" in text for text in tab.client.texts()))


async def test_the_state_of_another_session_signs_nobody_in_here(world: World, visitor: Visitor) -> None:
    """Each answer goes to the session that asked, whoever brings it; see also the binding to a browser."""
    holder, other = world.pair()
    second = World(world.fleet, world.marks, world.records, f"{world.route}-b")
    other_visitor = visitor.elsewhere(second.route)
    async with (
        world.tab(Place(holder), visitor) as mine,
        second.tab(Place(other), other_visitor) as theirs,
    ):
        url, their_url = await begin(mine, visitor, "openid"), await begin(theirs, other_visitor, "openid")
        code = parse_qs(sign_in(url, "ada").query)["code"][0]
        # Ada's code with the others' state: their verifier and nonce do not fit.
        mixed = Answer(f"state={state_in(their_url)}&code={code}&iss={asked_issuer(world)}")
        await visitor.visit(mixed.at(holder.port))
        await theirs.until(lambda: any("was used or has expired" in text for text in theirs.client.texts()))
        await mine.settle()
        assert "Nobody is here" in mine.client.texts()


async def test_a_code_that_was_used_signs_nobody_else_in(world: World, visitor: Visitor) -> None:
    """Not even by what the nodes remember of it, and not with a provider that has no nonce."""
    holder, other = world.pair()
    second = World(world.fleet, world.marks, world.records, f"{world.route}-b")
    thief = visitor.elsewhere(second.route)
    async with world.tab(Place(holder), visitor) as mine, second.tab(Place(other), thief) as theirs:
        answer = sign_in(await begin(mine, visitor, "generic"), "ada")
        await visitor.visit(answer.at(other.port))
        await said(mine, "ada is Dr. ada of [] ")
        state = state_in(await begin(theirs, thief, "generic"))
        code = parse_qs(answer.query)["code"][0]
        await visitor.visit(Answer(f"state={state}&code={code}").at(holder.port))
        await theirs.until(lambda: any("was used or has expired" in text for text in theirs.client.texts()))


@pytest.mark.parametrize("kind", ["no token", "token of nobody"])
async def test_a_saved_token_that_does_not_count(world: World, visitor: Visitor, kind: str) -> None:
    """As in Flet, ``page.login`` raises; the app may ask its user to sign in then."""
    holder, _ = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        await tab.do(Click(kind))
        await tab.until(lambda: any("Not back: " in text for text in tab.client.texts()))
        assert any("Sign in again." in text for text in tab.client.texts())
    assert visitor.opened == []


def asked_issuer(world: World) -> str:
    return world.fleet.env["ISSUER"]


async def test_an_app_may_bring_its_own_authorization(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        for code, outcome in (("bad", "Failed: own words"), ("good", "signed in without a user by OwnWay")):
            visitor.opened.clear()
            await tab.do(Click("own way"))
            await tab.until(lambda: bool(visitor.opened))
            assert visitor.opened[-1].startswith(f"{asked_issuer(world)}/auth?own")
            await visitor.visit(Answer(f"state={state_in(visitor.opened[-1])}&code={code}").at(other.port))
            await said(tab, outcome)
