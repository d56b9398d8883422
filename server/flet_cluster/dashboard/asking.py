"""Asks before something is done that cannot be undone (layer 4: imports Flet)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flet as ft

from flet_cluster.dashboard import source
from flet_cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.dashboard.view import View
    from flet_cluster.inspection import Inspector


def ask(
    view: View, question: str, consequence: str, verb: str, act: Callable[[Inspector], Awaitable[Any]]
) -> None:
    """Show a dialog; do it if its user says so.

    Args:
        view: the page that asks; it is read again afterwards.
        question: what the dialog is about.
        consequence: what will happen.
        verb: what is on the button.
        act: does it.
    """
    page = view.page

    async def confirmed(_event: ft.Event[ft.Button]) -> None:
        """Do it, and say how that went."""
        page.pop_dialog()
        try:
            await act(source.inspector(str(page.session.store.get("app") or "")))
        except ClusterError as error:
            page.show_dialog(ft.SnackBar(ft.Text(f"{verb}: {error}")))
            return
        page.show_dialog(ft.SnackBar(ft.Text(f"{verb}: done")))
        await view.look_again()

    page.show_dialog(
        ft.AlertDialog(
            title=ft.Text(question, size=20),
            content=ft.Text(consequence),
            actions=[
                ft.TextButton("Cancel", on_click=lambda _: page.pop_dialog()),
                ft.FilledButton(verb, on_click=confirmed),
            ],
        )
    )
