"""A counter that also speaks to other sessions, for tests within one process."""

from __future__ import annotations

from typing import Any

import flet as ft


def main(page: ft.Page) -> None:
    count = 0
    label = ft.Text("Count: 0")
    name = ft.TextField(label="name")

    def plus(_: Any) -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    def say(_: Any) -> None:
        page.pubsub.send_all("hello")

    page.add(label, name, ft.Button("plus", on_click=plus), ft.Button("say", on_click=say))
