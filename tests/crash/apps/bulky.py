"""One event's output is more than the tail of a session keeps."""

import flet as ft


def main(page: ft.Page) -> None:
    count = 0
    bulk = ft.Text("little")
    label = ft.Text("Count: 0")

    def much(e: ft.Event[ft.Button]) -> None:
        bulk.value = "much".ljust(1_500_000, ".")

    def plus(e: ft.Event[ft.Button]) -> None:
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    page.add(bulk, label, ft.Button("much", on_click=much), ft.Button("plus", on_click=plus))


ft.run(main)
