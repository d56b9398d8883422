"""A counter that has never heard of flet-cluster."""

import flet as ft


def main(page: ft.Page):
    count = 0
    label = ft.Text("Count: 0")

    def plus(e):
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    page.add(label, ft.Button("plus", key="plus", on_click=plus))


if __name__ == "__main__":
    ft.run(main)
