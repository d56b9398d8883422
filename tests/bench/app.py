"""The counter page that both servers run."""

import flet as ft


def main(page: ft.Page) -> None:
    count = 0
    text = ft.Text("0", size=40)

    def add(e: ft.Event[ft.Button]) -> None:
        nonlocal count
        count += 1
        text.value = str(count)

    page.title = "Counter"
    page.add(
        ft.Row(
            [ft.Button("-"), text, ft.Button("+", on_click=add, key="add")],
            alignment=ft.MainAxisAlignment.CENTER,
        )
    )


if __name__ == "__main__":
    ft.run(main)
