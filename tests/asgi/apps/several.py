"""Several apps under one domain, from Flet's documentation."""

import flet as ft
import flet.fastapi as flet_fastapi


def counter(title):
    def make(page: ft.Page):
        count = 0
        label = ft.Text("Count: 0")

        def plus(e):
            nonlocal count
            count += 1
            label.value = f"Count: {count}"

        page.add(ft.Text(title), label, ft.Button("plus", key="plus", on_click=plus))

    return make


show_root = counter("This is root app!")
show_sub = counter("This is sub app!")


async def root_main(page: ft.Page):
    show_root(page)


async def sub_main(page: ft.Page):
    show_sub(page)


app = flet_fastapi.FastAPI()

app.mount("/", flet_fastapi.app(root_main, assets_dir="root-assets", app_name="Root"))
app.mount("/sub-app", flet_fastapi.app(sub_main, assets_dir="sub-assets"))
