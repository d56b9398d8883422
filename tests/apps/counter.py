"""The counter of every tutorial: the state is a nonlocal variable."""

import flet as ft


def main(page: ft.Page):
    page.title = "Counter"
    page.vertical_alignment = ft.MainAxisAlignment.CENTER
    count = 0
    label = ft.Text("Count: 0", size=40)

    def show():
        label.value = f"Count: {count}"
        label.color = ft.Colors.RED if count < 0 else None

    def plus(e):
        nonlocal count
        count += 1
        show()

    def minus(e: ft.Event[ft.IconButton]):
        nonlocal count
        count -= 1
        show()

    def reset():
        nonlocal count
        count = 0
        show()

    page.add(
        label,
        ft.Row(
            alignment=ft.MainAxisAlignment.CENTER,
            controls=[
                ft.IconButton(ft.Icons.REMOVE, tooltip="minus", on_click=minus),
                ft.IconButton(ft.Icons.ADD, tooltip="plus", on_click=plus),
                ft.TextButton("Reset", on_click=reset),
            ],
        ),
    )


ft.run(main)
