"""A script that builds its own ASGI app, as Flet documents it, and adds a route."""

import flet as ft


def main(page: ft.Page):
    count = 0
    label = ft.Text("Count: 0")

    def plus(e):
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    page.add(label, ft.Button("plus", key="plus", on_click=plus))


app = ft.run(main, export_asgi_app=True)


@app.get("/price")
def price():
    return {"price": 7}
