"""The app of ``flet-cluster demo``: a counter, a chat and uploads (layer 5).

State lives in local variables and closures, as in any Flet app; only what reads uploads back is not Flet's.
Kill the node that serves you and go on.
"""

from __future__ import annotations

import os
import random
from typing import Any

import flet as ft

import flet_cluster

SEED = ft.Colors.INDIGO
SHOWN = 50
"""Messages of the chat that a page keeps."""
FAINT = ft.Colors.ON_SURFACE_VARIANT


def card(title: str, *content: ft.Control) -> ft.Control:
    """Frame a part of the page."""
    heading = ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_MEDIUM)
    return ft.Card(
        ft.Container(ft.Column([heading, *content], spacing=12), padding=20),
        semantic_container=False,  # or a screen reader hears the card as one text
    )


def counter_card() -> ft.Control:
    """Build a counter whose value lives in a closure."""
    count = 0
    value = ft.Text("0", size=44, weight=ft.FontWeight.BOLD, key="count")
    where = ft.Text("", color=FAINT)

    def change(step: int) -> None:
        nonlocal count
        count += step
        value.value = str(count)
        where.value = f"counted by {os.environ.get('DEMO_NODE', f'process {os.getpid()}')}"

    return card(
        "Counter",
        ft.Row(
            [
                ft.IconButton(ft.Icons.REMOVE, tooltip="One less", on_click=lambda _: change(-1)),
                ft.Container(value, width=120, alignment=ft.Alignment.CENTER),
                ft.IconButton(ft.Icons.ADD, tooltip="One more", on_click=lambda _: change(+1), key="more"),
                where,
            ]
        ),
    )


def chat_card(page: ft.Page) -> ft.Control:
    """Build a chat between all who have the app open, over ``page.pubsub``."""
    name = f"Visitor {random.randint(100, 999)}"  # noqa: S311  no secret
    lines = ft.ListView(height=140, spacing=2, auto_scroll=True, key="lines")
    entry = ft.TextField(label=f"You are {name}", expand=True, key="message")

    async def hear(message: dict[str, str]) -> None:
        lines.controls.append(ft.Text(f"{message['from']}: {message['text']}"))
        del lines.controls[:-SHOWN]
        lines.update()

    async def say(_: ft.Event[Any]) -> None:
        text = entry.value.strip()
        if text:
            page.pubsub.send_all({"from": name, "text": text[:500]})
        entry.value = ""
        await entry.focus()  # type: ignore[no-untyped-call]

    page.pubsub.subscribe(hear)
    entry.on_submit = say
    send = ft.FilledButton("Send", icon=ft.Icons.SEND, on_click=say, key="say")
    return card("Chat with those who have this page open", lines, ft.Row([entry, send]))


def uploads_card(page: ft.Page) -> ft.Control:
    """Build a part that takes files and shows what it has."""
    files = flet_cluster.uploads(page)
    listing = ft.Column(spacing=2, key="files")

    async def show() -> None:
        listing.controls = [
            ft.Text(f"{file.name.removeprefix('in/')}: {file.size:,} bytes")
            async for file in files.alist("in/")
        ]
        page.update()

    async def uploaded(e: ft.FilePickerUploadEvent) -> None:
        if e.error:
            listing.controls.append(ft.Text(f"{e.file_name}: {e.error}", color=ft.Colors.ERROR))
            page.update()
        elif e.progress == 1:
            await show()

    picker = ft.FilePicker(on_upload=uploaded)

    async def pick(_: ft.Event[Any]) -> None:
        chosen = await picker.pick_files(allow_multiple=True)
        await picker.upload(
            [
                ft.FilePickerUploadFile(
                    name=file.name, upload_url=page.get_upload_url(f"in/{file.name}", 600)
                )
                for file in chosen
            ]
        )

    choose = ft.FilledTonalButton("Upload files", icon=ft.Icons.UPLOAD_FILE, on_click=pick, key="pick")
    return card("Uploads, into a bucket", choose, listing)


def main(page: ft.Page) -> None:
    """Build the page for one visitor."""
    page.title = "flet-cluster demo"
    page.theme = ft.Theme(color_scheme_seed=SEED)
    page.scroll = ft.ScrollMode.AUTO
    page.horizontal_alignment = ft.CrossAxisAlignment.CENTER
    page.padding = 24
    cards = [counter_card(), chat_card(page)]
    if os.environ.get("FLET_CLUSTER_S3_BUCKET"):
        cards.append(uploads_card(page))
    heading = ft.Text("flet-cluster", theme_style=ft.TextThemeStyle.HEADLINE_MEDIUM)
    advice = ft.Text("Kill nodes in the terminal while you use this page: nothing is lost.", color=FAINT)
    stretched = ft.CrossAxisAlignment.STRETCH
    column = ft.Column([heading, advice, *cards], spacing=12, horizontal_alignment=stretched)
    page.add(ft.Container(column, width=600))


if __name__ == "__main__":
    ft.run(main)
