"""An app with every way to sign in. What happens is noted in the file that ``MARKS`` names."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import flet as ft
from flet.auth import OAuthProvider

DONE = "<!DOCTYPE html><title>Done</title><p>The app says: done.</p>"


def mark(page: ft.Page, what: str) -> None:
    line = json.dumps({"what": what, "pid": os.getpid(), "route": page.route})
    with Path(os.environ["MARKS"]).open("ab", buffering=0) as marks:
        marks.write(line.encode() + b"\n")


def provider_for(page: ft.Page) -> OAuthProvider:
    callback = (page.url or "").replace("ws", "http", 1) + "/oauth_callback"
    if "REDIRECT_FILE" in os.environ:
        callback = Path(os.environ["REDIRECT_FILE"]).read_text() or callback
    return OAuthProvider(
        client_id="app",
        client_secret="a secret for tests only",
        authorization_endpoint=os.environ["ISSUER"] + "/auth",
        token_endpoint=os.environ.get("TOKEN_ENDPOINT", os.environ["ISSUER"] + "/token"),
        user_endpoint=os.environ["ISSUER"] + "/me",
        user_id_fn=lambda user: user["sub"],
        user_scopes=["openid", "profile"],
        redirect_url=os.environ.get("REDIRECT", callback),
    )


def main(page: ft.Page) -> None:
    said = ft.Text("Nobody is here")

    async def sign_in(_: Any) -> None:
        await page.login(provider_for(page))

    async def own_words(_: Any) -> None:
        await page.login(provider_for(page), complete_page_html=DONE)

    async def same_window(_: Any) -> None:
        async def leave(url: str) -> None:
            await ft.UrlLauncher().open_window(url, title="_self")

        await page.login(provider_for(page), on_open_authorization_url=leave, redirect_to_page=True)

    def signed_in(e: ft.LoginEvent) -> None:
        where = "loop" if threading.current_thread() is threading.main_thread() else "thread"
        said.value = f"Failed: {e.error}" if e.error else name()
        mark(page, f"login {e.error or name()} on the {where}")
        page.update()

    def name() -> str:
        user = page.auth.user if page.auth else None  # type: ignore[attr-defined]
        return f"{user.id} is {user['name']}" if user else "nobody"

    def who(_: Any) -> None:
        said.value = f"Still: {name()}"

    def signed_out(_: Any) -> None:
        said.value = "Signed out"
        mark(page, "logout")
        page.update()

    page.on_login = signed_in
    page.on_logout = signed_out
    page.add(
        said,
        ft.Button("sign in", on_click=sign_in),
        ft.Button("own words", on_click=own_words),
        ft.Button("same window", on_click=same_window),
        ft.Button("who", on_click=who),
        ft.Button("sign out", on_click=lambda _: page.logout()),
    )
    mark(page, "main")


if __name__ == "__main__":
    ft.run(main)
