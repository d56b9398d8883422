"""An app that knows every kind of provider, all of which are the local one."""

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flet as ft
from flet.auth import Authorization, OAuthProvider, OAuthToken
from flet.auth.providers import (
    Auth0OAuthProvider,
    AzureOAuthProvider,
    GitHubOAuthProvider,
    GoogleOAuthProvider,
    github_oauth_provider,
)

from flet_cluster.auth import OpenIDProvider, SignInFailed

ISSUER = os.environ["ISSUER"]
REDIRECT = os.environ["REDIRECT"]
SAVED = Path(os.environ["SAVED"])
SECRET = "a secret for tests only"
github_oauth_provider.GITHUB_API_BASE_URL = ISSUER


def local(provider: OAuthProvider, user_endpoint: str | None) -> OAuthProvider:
    """One of Flet's, pointed at the local provider."""
    provider.authorization_endpoint = f"{ISSUER}/auth"
    provider.token_endpoint = f"{ISSUER}/token"
    provider.user_endpoint = user_endpoint
    return provider


def openid(**changes: Any) -> OpenIDProvider:
    options: dict[str, Any] = {"issuer": ISSUER, "client_id": "app", "client_secret": SECRET}
    return OpenIDProvider(**{**options, "redirect_url": REDIRECT, "group_scopes": ["groups"], **changes})


def generic(**changes: Any) -> OAuthProvider:
    options: dict[str, Any] = {
        "client_id": "app",
        "client_secret": SECRET,
        "authorization_endpoint": f"{ISSUER}/auth",
        "token_endpoint": f"{ISSUER}/token",
        "redirect_url": REDIRECT,
        "user_endpoint": f"{ISSUER}/me",
        "user_id_fn": lambda user: user["sub"],
        "user_scopes": ["openid", "profile"],
    }
    return OAuthProvider(**{**options, **changes})


def with_issuer(provider: OAuthProvider, issuer: str) -> OAuthProvider:
    provider.issuer = issuer  # type: ignore[attr-defined]
    return provider


MAKE: dict[str, Callable[[], OAuthProvider]] = {
    "openid": openid,
    "public": lambda: openid(client_id="public", client_secret=None),
    "edwards": lambda: openid(client_id="edwards"),
    "short": lambda: openid(client_id="short"),
    "generic": generic,
    "generic with issuer": lambda: with_issuer(generic(), ISSUER),
    "github": lambda: local(GitHubOAuthProvider("app", SECRET, REDIRECT), None),
    "google": lambda: local(GoogleOAuthProvider("app", SECRET, REDIRECT), f"{ISSUER}/whoami"),
    "azure": lambda: local(AzureOAuthProvider("app", SECRET, REDIRECT), f"{ISSUER}/whoami"),
    "auth0": lambda: local(Auth0OAuthProvider("x.test", "app", SECRET, REDIRECT), f"{ISSUER}/me"),
    "bad secret": lambda: openid(client_secret="wrong"),
    "bad secret in the body": lambda: generic(client_secret="wrong"),
    "nowhere": lambda: openid(issuer="http://127.0.0.1:1"),
    "liar": lambda: openid(issuer=os.environ.get("LIAR", ISSUER)),
    "wrong verifier": lambda: generic(
        code_challenge="RXg5coZ24_PQHQEax9QJc3MKhSlIZR0dSHxQ6EnOmxQ",
        code_challenge_method="S256",
        code_verifier="w" * 43,
    ),
    "not safe": lambda: generic(token_endpoint="http://provider.test/token"),
}


def mark(page: ft.Page, what: str) -> None:
    line = json.dumps({"what": what, "pid": os.getpid(), "route": page.route})
    with Path(os.environ["MARKS"]).open("ab", buffering=0) as marks:
        marks.write(line.encode() + b"\n")


class OwnWay(Authorization):
    """What an app brings along itself."""

    def __init__(self, provider: OAuthProvider, **options: Any) -> None:
        self.provider, self.user, self.state = provider, None, secrets.token_hex(8)

    def get_authorization_data(self) -> tuple[str, str]:
        return f"{self.provider.authorization_endpoint}?own&state={self.state}", self.state

    async def request_token(self, code: str) -> None:
        if code == "bad":
            raise RuntimeError("own words")


def main(page: ft.Page) -> None:  # noqa: C901, PLR0915 - one long main, as apps have
    said = ft.Text("Nobody is here")
    saved: list[str] = []

    def beginner(kind: str) -> Any:
        async def begin(_: Any) -> None:
            await page.login(MAKE[kind](), fetch_groups=True)

        return begin

    async def own_way(_: Any) -> None:
        await page.login(openid(), authorization=OwnWay)

    def name() -> str:
        auth: Any = page.auth
        if auth is None or auth.user is None:
            return f"signed in without a user by {type(auth).__name__}"
        groups = ",".join(group.name for group in auth.user.groups)
        return f"{auth.user.id} is {auth.user['name']} of [{groups}] {auth.user.get('email', '')}"

    def signed_in(e: ft.LoginEvent) -> None:
        said.value = f"Failed: {e.error}" if e.error else name()
        mark(page, f"failed {e.error} ({e.error_description})" if e.error else f"login {name()}")
        page.update()

    async def keep(_: Any) -> None:
        auth: Any = page.auth
        saved[:] = [(await auth.get_token()).to_json()]
        mark(page, "token " + saved[0])

    async def renew(_: Any) -> None:
        auth: Any = page.auth
        auth.token.expires_at = time.time() - 1
        try:
            token = await auth.get_token()
        except SignInFailed as error:
            mark(page, f"not renewed: {error}")
        else:
            mark(page, "renewed " + token.to_json())

    def in_a_thread(_: Any) -> None:
        def ask() -> None:
            auth: Any = page.auth
            auth.token.expires_at = time.time() - 1
            mark(page, "renewed " + asyncio.run(auth.get_token()).to_json())

        page.run_thread(ask)

    async def come_back(_: Any) -> None:
        token = OAuthToken.from_json(SAVED.read_text())  # noqa: ASYNC240 - a small file
        if "late" in page.route:
            token.expires_at = time.time() - 1
        try:
            await page.login(openid(), fetch_groups=True, saved_token=token.to_json())
        except SignInFailed as error:
            said.value = f"Not back: {error}"

    def with_token(saved_token: str) -> Any:
        async def begin(_: Any) -> None:
            try:
                await page.login(openid(), saved_token=saved_token)
            except SignInFailed as error:
                said.value = f"Not back: {error}"

        return begin

    def who(_: Any) -> None:
        said.value = f"Still: {name()}; oauthlib: {'oauthlib' in sys.modules}"

    page.on_login = signed_in
    page.add(
        said,
        *(ft.Button(kind, on_click=beginner(kind)) for kind in MAKE),
        ft.Button("own way", on_click=own_way),
        ft.Button("keep", on_click=keep),
        ft.Button("renew", on_click=renew),
        ft.Button("renew in a thread", on_click=in_a_thread),
        ft.Button("come back", on_click=come_back),
        ft.Button("no token", on_click=with_token('["nothing"]')),
        ft.Button("token of nobody", on_click=with_token(OAuthToken("nobody's").to_json())),
        ft.Button("who", on_click=who),
    )
    mark(page, "main")


if __name__ == "__main__":
    ft.run(main)
