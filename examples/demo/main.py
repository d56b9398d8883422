"""A small app to try flet-cluster with: a counter and a to-do list.

Nothing here knows of the cluster. State lives in local variables and closures, as in any Flet app.
Kill the process that serves you (the terminal shows the process ids) and go on clicking.
"""

import flet as ft

SEED = ft.Colors.INDIGO


def counter_card() -> ft.Control:
    """Build a counter whose value lives in a closure."""
    count = 0
    value = ft.Text("0", size=48, weight=ft.FontWeight.BOLD)

    def change(step: int) -> None:
        nonlocal count
        count += step
        value.value = str(count)
        value.update()

    return card(
        "Counter",
        ft.Row(
            [
                ft.IconButton(ft.Icons.REMOVE, tooltip="One less", on_click=lambda _: change(-1)),
                ft.Container(value, width=140, alignment=ft.Alignment.CENTER),
                ft.IconButton(ft.Icons.ADD, tooltip="One more", on_click=lambda _: change(+1)),
            ],
            alignment=ft.MainAxisAlignment.CENTER,
        ),
    )


def todo_card() -> ft.Control:
    """Build a to-do list with a text entry."""
    entry = ft.TextField(label="What is to be done?", expand=True, autofocus=True)
    items = ft.Column(spacing=0)
    left = ft.Text("Nothing to do", color=ft.Colors.ON_SURFACE_VARIANT)

    boxes: list[ft.Checkbox] = []

    def recount() -> None:
        open_items = sum(not box.value for box in boxes)
        left.value = f"{open_items} to do" if open_items else "Nothing to do"

    async def add(_: ft.Event[ft.TextField] | ft.Event[ft.FilledButton]) -> None:
        text = entry.value.strip()
        if not text:
            return
        box = ft.Checkbox(label=text, on_change=lambda _: recount())
        row = ft.Row(alignment=ft.MainAxisAlignment.SPACE_BETWEEN)

        def remove(_: ft.Event[ft.IconButton]) -> None:
            items.controls.remove(row)
            boxes.remove(box)
            recount()

        delete = ft.IconButton(ft.Icons.DELETE_OUTLINE, tooltip=f"Remove {text}", on_click=remove)
        row.controls = [box, delete]
        boxes.append(box)
        items.controls.append(row)
        entry.value = ""
        recount()
        await entry.focus()

    entry.on_submit = add
    return card(
        "To do",
        ft.Row([entry, ft.FilledButton("Add", icon=ft.Icons.ADD, on_click=add)]),
        items,
        left,
    )


def card(title: str, *content: ft.Control) -> ft.Control:
    """Frame a part of the page."""
    return ft.Card(
        ft.Container(
            ft.Column([ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_MEDIUM), *content], spacing=16),
            padding=24,
        ),
        semantic_container=False,  # or a screen reader hears the card as one text
    )


def main(page: ft.Page) -> None:
    """Build the page for one visitor."""
    page.title = "flet-cluster demo"
    page.theme = ft.Theme(color_scheme_seed=SEED)
    page.scroll = ft.ScrollMode.AUTO
    page.horizontal_alignment = ft.CrossAxisAlignment.CENTER
    page.padding = 32
    page.add(
        ft.Container(
            ft.Column(
                [
                    ft.Text("flet-cluster", theme_style=ft.TextThemeStyle.HEADLINE_MEDIUM),
                    ft.Text(
                        "Three processes serve this page. Kill the one that serves you: nothing is lost.",
                        color=ft.Colors.ON_SURFACE_VARIANT,
                    ),
                    counter_card(),
                    todo_card(),
                ],
                spacing=16,
            ),
            width=560,
        )
    )


if __name__ == "__main__":
    ft.run(main)
