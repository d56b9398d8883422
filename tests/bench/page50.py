"""A page of some 50 controls with the counter of the other benchmarks."""

import flet as ft


def main(page: ft.Page) -> None:
    count = 0
    text = ft.Text("0", size=40)

    def add(e: ft.Event[ft.Button]) -> None:
        nonlocal count
        count += 1
        text.value = str(count)

    page.title = "Fifty"
    page.add(ft.Row([ft.Button("-"), text, ft.Button("+", on_click=add, key="add")]))
    page.add(
        *(
            ft.Row(
                [ft.Text(f"Name {i}"), ft.TextField(label=f"Value {i}", value=str(i)), ft.Icon(ft.Icons.ADD)]
            )
            for i in range(12)
        )
    )


if __name__ == "__main__":
    ft.run(main)
