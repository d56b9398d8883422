"""The app of the version tests; other versions of it are made by replacing parts of this text."""

from dataclasses import dataclass
from typing import Any

import flet as ft
from flet.auth.authorization_service import AuthorizationService
from flet.auth.providers import GitHubOAuthProvider
from flet.auth.user import User
from tests.cluster.probe import mark

import flet_cluster


@dataclass
class Stays:
    """The same in all versions."""

    amount: int


@dataclass
class Changes:
    """Another one in each version."""

    amount: int
    tax: int = 1


def main(page: ft.Page) -> None:
    store = page.session.store
    count = 0
    label = ft.Text("Count: 0")
    total = ft.Text("Total: 0")
    news = ft.Text("News: none")
    stays = store.get("stays")
    kept = f"{store.get('total')} {stays.amount if stays else None} {store.get('changes')}"

    def plus(_: Any) -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"
        store.set("total", (store.get("total") or 0) + 1)
        total.value = f"Total: {store.get('total')}"

    def fill(_: Any) -> None:
        store.set("stays", Stays(7))
        store.set("changes", Changes(3))
        store.set("page", page)
        provider = GitHubOAuthProvider("an id", "a secret", "http://127.0.0.1/callback")
        auth = AuthorizationService(provider, fetch_user=True, fetch_groups=False, scope=None)
        auth.user = User({"login": "ada"}, "1")
        setattr(page, "_Page__authorization", auth)  # noqa: B010 - as after a sign-in

    def upgraded(upgrade: flet_cluster.Upgrade) -> None:
        how = "restarted" if upgrade.restarted else "resumed"
        news.value = f"News: {how} without {sorted(upgrade.dropped)}"
        mark(page, f"upgrade {how}")

    flet_cluster.on_upgrade(page, upgraded)
    page.on_close = lambda _: mark(page, "close")
    auth: Any = page.auth
    user = auth.user["login"] if auth else None
    page.add(
        label,
        total,
        news,
        ft.Text("Version: 1"),
        ft.Text(f"Kept: {kept}"),
        ft.Text(f"User: {user}"),
        ft.Text(f"Route: {page.route}"),
        ft.Button("plus", on_click=plus),
        ft.Button("fill", on_click=fill),
    )
    mark(page, "main 1")


if __name__ == "__main__":
    ft.run(main)
