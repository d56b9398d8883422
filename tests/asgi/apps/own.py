"""A counter that knows flet-cluster."""

import flet as ft

import flet_cluster


def main(page: ft.Page):
    count = 0
    label = ft.Text("Count: 0")

    def plus(e):
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    page.add(label, ft.Button("plus", key="plus", on_click=plus))


app = flet_cluster.app(main)
