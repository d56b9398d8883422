"""Login and visits in ``page.session.store``, with objects that are also reachable from controls."""

from dataclasses import dataclass, field

import flet as ft


@dataclass
class User:
    name: str
    roles: list[str] = field(default_factory=list)
    visits: int = 0


def current_user(page: ft.Page) -> User | None:
    return page.session.store.get("user")


def main(page: ft.Page):
    store = page.session.store
    name = ft.TextField(label="User")
    greeting = ft.Text("Not logged in")
    badge = ft.Text("", data=None)

    def refresh():
        user = current_user(page)
        greeting.value = f"Hello {user.name}, visit {user.visits}" if user else "Not logged in"
        badge.value = "/".join(user.roles) if user else ""
        badge.data = user

    def login(e):
        store.set("user", User(name.value, ["reader"]))
        store.set("keys", store.get_keys())
        refresh()

    def visit(e):
        if user := current_user(page):
            user.visits += 1
        refresh()

    def promote(e):
        if badge.data is not None:
            badge.data.roles.append("editor")
        refresh()

    def logout(e):
        if store.contains_key("user"):
            store.remove("user")
        refresh()

    page.add(greeting, badge, name)
    page.add(
        ft.Row(
            [
                ft.Button("Login", on_click=login),
                ft.Button("Visit", on_click=visit),
                ft.Button("Promote", on_click=promote),
                ft.Button("Logout", on_click=logout),
            ]
        )
    )


ft.run(main)
