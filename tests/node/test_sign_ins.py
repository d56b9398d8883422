"""A sign-in is in the store before its user can leave for the provider (I1)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flet as ft
import pytest
from flet.auth import AuthorizationService, Group, OAuthProvider, OAuthToken, User
from flet.auth.providers import (
    Auth0OAuthProvider,
    AzureOAuthProvider,
    GitHubOAuthProvider,
    GoogleOAuthProvider,
)
from tests.node.desk import INSTANCE, Wire, desk
from tests.steps import Click

from flet_cluster.errors import SignInFailed, StoreUnavailable
from flet_cluster.host import sign_in
from flet_cluster.host.authorization import ClusterAuthorization
from flet_cluster.host.openid import OpenIDProvider
from flet_cluster.host.sign_in import MAX_PAGE, OwnEvent
from flet_cluster.node import committer
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from tests.node.desk import Desk


def main(page: ft.Page) -> None:
    label = ft.Text("Count: 0")

    def odd(page_html: Any) -> None:
        try:
            page.session.connection.oauth_authorize({"state": "a-state", "completePageHtml": page_html})
        except (TypeError, ValueError) as error:
            label.value = str(error)
        page.update()

    async def leave(_: Any) -> None:
        page.session.connection.oauth_authorize({"state": "a-state", "completePageHtml": "bye"})
        await ft.UrlLauncher().launch_url("https://provider.test/")
        label.value = "Gone"

    def signed_in(e: ft.LoginEvent) -> None:
        label.value = f"{e.name}: {e.error}"
        page.update()

    page.on_login = signed_in
    page.add(
        label,
        ft.Button("leave", on_click=leave),
        ft.Button("no text", on_click=lambda _: odd(Path("x.html"))),
        ft.Button("broken text", on_click=lambda _: odd("\ud83d")),
        ft.Button("long text", on_click=lambda _: odd("ä" * MAX_PAGE)),
    )


@pytest.fixture(autouse=True)
def _app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.node.desk.main", main)
    monkeypatch.setattr(committer, "RETRY_SECONDS", 0.01)


def left(work: Desk) -> bool:
    return "UrlLauncher.launch_url" in work.wire.client.calls


@pytest.mark.parametrize("interval", [0.0, 30.0])
async def test_what_leads_away_waits_for_the_state(monkeypatch: pytest.MonkeyPatch, interval: float) -> None:
    async with desk() as work:
        work.node.settings = work.node.settings.model_copy(update={"commit_interval": interval})
        kept, failures = asyncio.Event(), [StoreUnavailable("away"), StoreUnavailable("away")]
        keep = work.store.keep

        async def slow(name: str, value: bytes, seconds: float) -> None:
            await kept.wait()
            if failures:
                raise failures.pop()
            assert not left(work)
            await keep(name, value, seconds)

        monkeypatch.setattr(work.store, "keep", slow)
        work.do(Click("leave"))
        await asyncio.sleep(0.05)
        assert not left(work)
        kept.set()
        await work.until(lambda: work.shows("Gone"))
        assert left(work)
        assert not failures
        pending = await work.node.sign_ins.find("a-state")
        assert pending is not None
        assert (pending.session_id, pending.page_html) == (work.seat.id, "bye")
        assert await work.node.sign_ins.find("a-state") == pending
        await work.node.sign_ins.close("a-state")
        assert await work.node.sign_ins.find("a-state") is None
        assert await work.node.sign_ins.find_late("a-state") is None


@pytest.mark.parametrize(
    ("button", "words"),
    [("no text", "must be a string"), ("broken text", "cannot be sent"), ("long text", "at most 262144")],
)
async def test_a_page_that_cannot_be_kept_is_refused_where_it_is_given(button: str, words: str) -> None:
    """It would stop the session's commits."""
    async with desk() as work:
        work.do(Click(button))
        await work.until(lambda: any(words in text for text in work.wire.client.texts()))
        assert await work.node.sign_ins.find("a-state") is None


async def test_a_client_that_does_not_come_to_the_front_is_signed_in_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sign_in, "FRONT_SECONDS", 0.05)
    async with desk() as work:
        page = work.seat.wake().page
        page.web = False
        for platform in (ft.PagePlatform.LINUX, ft.PagePlatform.IOS):
            page.platform = platform
            await sign_in._to_front(page)  # nobody answers: the client is away


async def test_a_sign_in_that_is_through_reaches_its_handler_on_the_next_node() -> None:
    async with desk() as work:
        live = work.seat.wake()
        event = ft.LoginEvent(name="login", control=live.page, error="why not", error_description=None)
        # as if the node died before its handler began
        live.inputs.own_events.append(OwnEvent("login", event))
        work.seat.changed(urgent=True)
        await work.settle()
        work.seat.lose(CloseCode.MOVED, "for the test")
        seat = await work.node.seat_of(work.node.tokens.verify(work.seat.token, None))
        wire = Wire(work.wire.client)
        seat.attach(wire, INSTANCE)
        seat.wake()
        await work.until(lambda: work.shows("login: why not"))
        assert seat.live is not None
        assert not seat.live.inputs.own_events


async def test_what_is_kept_of_a_user_can_travel() -> None:
    provider = OpenIDProvider(issuer="https://issuer.test", client_id="id", redirect_url="https://app.test/")
    async with desk() as work:
        live = work.seat.wake()
        page = live.page
        auth = ClusterAuthorization(live, provider, scope=["a", "openid"])
        assert auth.scope == ["a", "openid", "profile", "email"]
        provider.authorization_endpoint = "https://issuer.test/auth"
        url, state = auth.get_authorization_data()
        auth.user = User({"sub": "ada"}, "ada")
        auth._token = OAuthToken("access", expires_at=1.0, refresh_token="refresh")
        page._Page__authorization = auth
        work.seat.changed(urgent=True)
        await work.settle()
        work.seat.lose(CloseCode.MOVED, "for the test")
        seat = await work.node.seat_of(work.node.tokens.verify(work.seat.token, None))
        page = seat.wake().page
        moved: Any = page.auth
        assert moved is not auth
        assert (moved.state, moved.user.id) == (state, "ada")
        assert live.gone
        assert moved._home is None
        with pytest.raises(RuntimeError, match="outside"):
            await moved.get_token()
        assert seat.live is not None
        assert seat.live.context().run(lambda: moved._live) is seat.live
        assert (moved._verifier, moved._nonce) == (auth._verifier, auth._nonce)
        assert vars(moved.token) == vars(auth._token)
        assert moved.provider.user_id_fn({"sub": 7}) == "7"
        assert moved.get_authorization_data()[0].partition("?")[0] == url.partition("?")[0]


async def test_a_token_is_not_renewed_by_a_node_that_has_lost_the_session() -> None:
    """As one that was frozen: another has renewed it, and a token that is used twice is withdrawn."""
    provider = GitHubOAuthProvider("id", "secret", "http://app.test/oauth_callback")
    provider.token_endpoint = "http://127.0.0.1:1/"
    async with desk() as work:
        live = work.seat.wake()
        auth = ClusterAuthorization(live, provider)
        auth._token = OAuthToken("access", expires_at=1.0, refresh_token="refresh")
        with pytest.raises(SignInFailed, match="does not answer"):
            await auth.get_token()
        lease = work.seat.lease
        assert lease is not None
        await work.store.acquire(work.seat.id, "another node", 60.0, seize=lease)
        with pytest.raises(SignInFailed, match="has moved"):
            await auth.get_token()
        assert work.seat.lost


@pytest.mark.parametrize(
    "saved",
    [
        '{"access_token": "x", "refresh_token": "r", "expires_at": "abc"}',
        '{"access_token": "x", "refresh_token": {"a": 1}, "expires_at": 1}',
        '{"access_token": 7}',
        "[" * 100_000,
        "null",
        "",
    ],
    ids=["expires_at", "refresh_token", "access_token", "deep", "null", "empty"],
)
async def test_a_saved_token_that_is_none(saved: str) -> None:
    provider = GitHubOAuthProvider("id", "secret", "http://app.test/oauth_callback")
    async with desk() as work:
        auth = ClusterAuthorization(work.seat.wake(), provider)
        with pytest.raises(SignInFailed, match="cannot be read"):
            await auth.dehydrate_token(saved)


@pytest.mark.parametrize("options", [{"issuer": "issuer.test"}, {"redirect_url": ""}])
def test_a_provider_that_cannot_work(options: dict[str, str]) -> None:
    right: dict[str, Any] = {
        "issuer": "https://issuer.test",
        "redirect_url": "https://app.test/",
    }
    with pytest.raises(ValueError, match="an address begins with https://"):
        OpenIDProvider(client_id="id", **{**right, **options})


def test_groups_as_providers_write_them() -> None:
    provider = OpenIDProvider(issuer="https://issuer.test", client_id="id", redirect_url="https://app.test/")
    for written in (["staff"], "staff", [{"name": "staff", "id": 1}]):
        assert [group.name for group in provider.groups_in(User({"groups": written}, "ada"))] == ["staff"]
    assert provider.groups_in(User({}, "ada")) == []


@pytest.mark.parametrize(
    "provider",
    [
        GitHubOAuthProvider("id", "secret", "http://app.test/oauth_callback"),
        GoogleOAuthProvider("id", "secret", "http://app.test/oauth_callback"),
        AzureOAuthProvider("id", "secret", "http://app.test/oauth_callback"),
        Auth0OAuthProvider("domain.test", "id", "secret", "http://app.test/oauth_callback"),
    ],
    ids=lambda provider: type(provider).__name__,
)
async def test_what_flet_keeps_of_a_user_can_travel(provider: OAuthProvider) -> None:
    async with desk() as work:
        page = work.seat.wake().page
        service = AuthorizationService(provider, fetch_user=True, fetch_groups=True)
        url, state = service.get_authorization_data()
        service.user = User({"sub": "ada"}, "ada")
        service.user.groups = [Group({"id": 1}, "staff")]
        token = OAuthToken("access", expires_at=1.0, refresh_token="refresh")
        service._AuthorizationService__token = token  # type: ignore[attr-defined]
        page._Page__authorization = service
        work.seat.changed(urgent=True)
        await work.settle()
        work.seat.lose(CloseCode.MOVED, "for the test")
        seat = await work.node.seat_of(work.node.tokens.verify(work.seat.token, None))
        moved: Any = seat.wake().page.auth
        assert moved is not service
        assert (moved.state, moved.user.id, moved.user.groups[0].name) == (state, "ada", "staff")
        assert vars(moved._AuthorizationService__token) == vars(token)
        assert moved.get_authorization_data()[0].partition("?")[0] == url.partition("?")[0]
        assert (moved.provider.user_id_fn is None) == (provider.user_id_fn is None)
