"""What a provider publishes and answers: cached, bounded, and not taken on trust."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.oauth.liar import KEYS, WELL_KNOWN, Liar, liar

from flet_cluster.errors import SignInFailed
from flet_cluster.oauth.cache import AGAIN, LIFETIME, MOST, Published
from flet_cluster.oauth.net import MAX_ANSWER
from flet_cluster.oauth.provider import Client, Providers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def it() -> Iterator[Liar]:
    with liar() as it:
        yield it


@pytest.fixture(scope="module")
def providers() -> Providers:
    return Providers(5.0)


def client_at(it: Liar, **changes: Any) -> Client:
    options = {
        "client_id": "app",
        "client_secret": "",
        "redirect_url": "https://app.test/",
        "issuer": it.issuer,
    }
    return Client(**{**options, **changes})


def answer(it: Liar, **claims: Any) -> dict[str, Any]:
    return {"access_token": "a", "id_token": it.sign(it.claims(**claims))}


async def subject(providers: Providers, it: Liar, token: dict[str, Any] | None = None) -> str:
    claims = await providers.claims(client_at(it), token or answer(it), nonce="n", required=True)
    return str(claims["sub"])


async def test_what_is_published_is_fetched_once(providers: Providers, it: Liar) -> None:
    complete = await asyncio.gather(*(providers.complete(client_at(it)) for _ in range(5)))
    assert {one.token_endpoint for one in complete} == {f"{it.issuer}/token"}
    assert {one.user_endpoint for one in complete} == {f"{it.issuer}/me"}
    assert await subject(providers, it) == "ada"
    assert await subject(providers, it) == "ada"
    assert it.asked == {WELL_KNOWN: 1, "/keys": 1}


async def test_new_keys_are_found_and_not_asked_for_without_end(providers: Providers, it: Liar) -> None:
    assert await subject(providers, it) == "ada"
    it.keys = KEYS[1:]  # the provider has changed its key
    rotated = {"access_token": "a", "id_token": it.sign(it.claims(), KEYS[1])}
    assert await subject(providers, it, rotated) == "ada"
    stranger = RSAKey.generate_key(2048, {"kid": "made up"})
    for _ in range(5):
        with pytest.raises(SignInFailed):
            await subject(providers, it, {"access_token": "a", "id_token": it.sign(it.claims(), stranger)})
    assert it.asked["/keys"] == 2
    with pytest.raises(SignInFailed):
        await subject(providers, it)  # the old key does not count any more


@pytest.mark.parametrize("names", [{}, {"kid": "always-this"}], ids=["nameless", "same-name"])
async def test_new_keys_that_have_no_new_name_are_found(it: Liar, names: dict[str, str]) -> None:
    providers = Providers(5.0)
    for key in KEYS:
        published = {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}
        it.answers["/keys"] = {"keys": [{**published, **names}]}
        token = jwt.encode({"alg": "RS256", **names}, it.claims(), key)
        assert await subject(providers, it, {"access_token": "a", "id_token": token}) == "ada"
    forged = jwt.encode({"alg": "RS256", **names}, it.claims(), RSAKey.generate_key(2048))
    for _ in range(3):
        with pytest.raises(SignInFailed, match="not genuine"):
            await subject(providers, it, {"access_token": "a", "id_token": forged})
    assert it.asked["/keys"] == 2


@pytest.mark.parametrize(
    ("said", "user", "log"),
    [
        ({"issuer": "https://evil.test"}, "another sign-in service", "calls itself https://evil.test"),
        ({"token_endpoint": None}, "cannot be understood", "no token_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "cannot be understood", "no jwks_uri"),
        ([], "cannot be understood", "TypeError"),
        (b"<html>", "cannot be understood", "JSONDecodeError"),
        ((503, {}, b""), "does not answer", "status 503"),
        ((404, {}, b"secret words"), "cannot be understood", "status 404"),
        ((200, {}, b" " * (MAX_ANSWER + 1)), "cannot be understood", "TooLong"),
        ((200, {"Content-Encoding": "gzip"}, b""), "cannot be understood", "TooLong"),
        (
            {"authorization_endpoint": "http://provider.test/"},
            "cannot be understood",
            "no authorization_endpoint",
        ),
        ((302, {"Location": "/"}, b""), "cannot be understood", "TooManyRedirects"),
        ((302, {"Location": "http://provider.test/"}, b""), "cannot be understood", "NotSafe"),
    ],
)
async def test_a_provider_that_cannot_be_used(
    providers: Providers, it: Liar, said: Any, user: str, log: str
) -> None:
    it.answers[WELL_KNOWN] = it.metadata(**said) if isinstance(said, dict) else said
    it.answers["/"] = (302, {"Location": "/"}, b"")
    with pytest.raises(SignInFailed, match=user) as failed:
        await providers.complete(client_at(it))
    assert log in failed.value.detail
    assert "secret words" not in failed.value.detail


async def test_a_provider_that_takes_its_time(it: Liar) -> None:
    it.hold = threading.Event()
    with pytest.raises(SignInFailed, match="takes too long"):
        await Providers(0.2).complete(client_at(it))


@pytest.mark.parametrize(
    ("said", "user"),
    [
        ({"error": "invalid_grant", "error_description": "no\nsuch code"}, "was used or has expired"),
        ({"error": "bad_verification_code"}, "was used or has expired"),
        ((401, {}, {"error": "invalid_client"}), "does not know this app"),
        ({"error": "odd", "error_description": "x" * 9000}, r"declined \(x{200}…\)"),
        ({"token_type": "bearer"}, "cannot be understood"),
        ({"access_token": 7}, "cannot be understood"),
        ((500, {}, b"Traceback"), "does not answer"),
        ((200, {}, b"Traceback"), "cannot be understood"),
    ],
)
async def test_a_code_that_brings_no_token(providers: Providers, it: Liar, said: Any, user: str) -> None:
    it.answers["/token"] = said
    with pytest.raises(SignInFailed, match=user) as failed:
        await providers.redeem(client_at(it), "the code", "the verifier")
    assert "the code" not in failed.value.detail
    assert "\n" not in failed.value.detail


async def test_tokens_as_some_providers_write_them(providers: Providers, it: Liar) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    it.answers["/token"] = (200, form, b"access_token=a&scope=x+y&expires_in=60&token_type=bearer")
    token = await providers.redeem(client_at(it), "code", None)
    assert (token["access_token"], token["scope"], token["expires_in"]) == ("a", ["x", "y"], 60)
    it.answers["/token"] = {"access_token": "b", "expires_in": "60"}
    token = await providers.renew(client_at(it), "the old one")
    assert (token["access_token"], token["refresh_token"], token["expires_in"]) == ("b", "the old one", 60)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"expires_in": 10**30}, {"expires_in": 10**9}),
        ({"expires_in": -5}, {"expires_in": 0}),
        ({"scope": 10**40}, {"scope": None}),
        ({"scope": "x y\ud800 z"}, {"scope": ["x", "z"]}),
        ({"scope": ["x", 7]}, {"scope": ["x"]}),
        ({"refresh_token": {"a": 1}, "token_type": ["x"]}, {"scope": None}),
    ],
)
async def test_what_does_not_fit_is_left_out(
    providers: Providers, it: Liar, said: dict[str, Any], kept: dict[str, Any]
) -> None:
    """Another node is to know of a token; it cannot be told of such things."""
    it.answers["/token"] = {"access_token": "a", **said}
    token = await providers.redeem(client_at(it), "code", None)
    assert token == {"access_token": "a", "expires_in": None, "scope": None, **kept} | {
        name: token[name] for name in ("expires_at",) if name in token
    }
    assert msgpack.unpackb(msgpack.packb(token)) == token
    it.answers["/token"] = {"access_token": "\ud800"}
    with pytest.raises(SignInFailed, match="cannot be understood"):
        await providers.redeem(client_at(it), "code", None)


async def test_secrets_are_not_carried_over_to_other_places(providers: Providers, it: Liar) -> None:
    it.answers["/token"] = (307, {"Location": "/elsewhere"}, b"")
    with pytest.raises(SignInFailed):
        await providers.redeem(client_at(it, client_secret="s"), "code", None)
    assert it.asked["/elsewhere"] == 0


async def test_plain_http_is_for_this_machine(providers: Providers, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("http://provider.test", "ftp://127.0.0.1", "", "http://127.0.0.1.provider.test"):
        with pytest.raises(SignInFailed, match="https://"):
            await providers.complete(Client("app", "", "https://app.test/", issuer=url or "/"))
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # what developers are used to set
    with pytest.raises(SignInFailed, match="does not answer"):
        await providers.complete(Client("app", "", "https://app.test/", issuer="http://provider.invalid"))


async def test_who_answered(providers: Providers, it: Liar) -> None:
    client = client_at(it)
    await providers.check_answer(client, "")  # it does not promise to say
    await providers.check_answer(client, it.issuer)
    with pytest.raises(SignInFailed, match="another sign-in service"):
        await providers.check_answer(client, "https://evil.test")


async def test_who_promises_to_say_must_say(providers: Providers, it: Liar) -> None:
    it.answers[WELL_KNOWN] = it.metadata(authorization_response_iss_parameter_supported=True)
    await providers.check_answer(client_at(it), it.issuer)
    with pytest.raises(SignInFailed, match="another sign-in service"):
        await providers.check_answer(client_at(it), "")


async def test_an_address_for_all_tenants(providers: Providers, it: Liar) -> None:
    """As Entra ID's."""
    template = it.issuer + "/{tenantid}/v2.0"
    it.answers["/common/v2.0" + WELL_KNOWN] = it.metadata(issuer=template)
    client = client_at(it, issuer=f"{it.issuer}/common/v2.0")
    token = answer(it, iss=f"{it.issuer}/t-1/v2.0", tid="t-1")
    assert (await providers.claims(client, token, nonce="n", required=True))["tid"] == "t-1"
    foreign = answer(it, iss=f"{it.issuer}/t-1/v2.0", tid="t-2")
    with pytest.raises(SignInFailed, match="not genuine"):
        await providers.claims(client, foreign, nonce="n", required=True)
    await providers.check_answer(client, f"{it.issuer}/t-1/v2.0")
    with pytest.raises(SignInFailed, match="another sign-in service"):
        await providers.check_answer(client, it.issuer)


@pytest.mark.parametrize("place", ["", "/common", "/v2.0", "/a/b/v2.0", "/common/v2.0/more"])
async def test_an_address_that_its_issuer_does_not_fit(providers: Providers, it: Liar, place: str) -> None:
    it.answers[place + WELL_KNOWN] = it.metadata(issuer=it.issuer + "/{tenantid}/v2.0")
    with pytest.raises(SignInFailed, match="another sign-in service"):
        await providers.complete(client_at(it, issuer=it.issuer + place))


async def test_an_id_token_that_does_not_come(providers: Providers, it: Liar) -> None:
    for token in ({"access_token": "a"}, {"access_token": "a", "id_token": 7}):
        with pytest.raises(SignInFailed):
            await providers.claims(client_at(it), token, nonce="n", required=True)
    assert await providers.claims(client_at(it), {"access_token": "a"}, nonce="", required=False) == {}


async def test_nobody_waits_for_more_than_one_fetch() -> None:
    """Not even at a provider that hangs: all who wait hear of the same failure."""
    begun, go_on = 0, asyncio.Event()

    async def fetch(url: str) -> int:
        nonlocal begun
        begun += 1
        await go_on.wait()
        if begun < 3:
            raise SignInFailed("takes too long")
        return begun

    cache = Published(fetch)
    waiting = [asyncio.ensure_future(cache.get("a")) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # the one that fetches: the next takes its place
    await asyncio.wait([waiting[0]])
    await asyncio.sleep(0)
    go_on.set()
    failed = await asyncio.gather(*waiting[1:], return_exceptions=True)
    assert [str(one) for one in failed] == ["takes too long"] * 4
    assert begun == 2
    assert await asyncio.gather(*(cache.get("a") for _ in range(3))) == [3, 3, 3]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_what_is_published_gets_old_and_outlives_its_provider() -> None:
    clock, values = Clock(), iter(range(100))
    down = False

    async def fetch(url: str) -> int:
        if down:
            raise SignInFailed("down")
        return next(values)

    cache = Published(fetch, clock)
    assert [await cache.get("a"), await cache.get("a"), await cache.get("b")] == [0, 0, 1]
    clock.now += LIFETIME + 1
    assert await cache.get("a") == 2
    clock.now += LIFETIME + 1
    down = True
    assert await cache.get("a") == 2
    with pytest.raises(SignInFailed):
        await cache.get("c")
    down = False
    assert await cache.renewed("a", 2) == 3
    assert await cache.renewed("a", 2) == 3  # somebody else has renewed it
    assert await cache.renewed("a", 3) == 3  # a moment ago
    clock.now += AGAIN
    assert await cache.renewed("a", 3) == 4
    for number in range(MOST):
        await cache.get(f"of-{number}")
    assert len(cache._held) == MOST
