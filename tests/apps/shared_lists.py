"""Lists shared between closures, controls and ``data``; a module-level constant and a per-session list."""

import flet as ft

COLORS = ["red", "green", "blue"]
VISITS: list[str] = []


def main(page: ft.Page):
    basket: list[str] = []
    same_basket = basket
    mirror = ft.Column(data=basket)
    info = ft.Text("empty")
    shared_row_items = [ft.Text("shared a"), ft.Text("shared b")]
    first = ft.Row(shared_row_items)

    def report():
        info.value = f"{len(same_basket)} items, same object: {mirror.data is basket}"

    def put(color):
        def handler(e):
            basket.append(color)
            mirror.controls.append(ft.Text(f"{len(basket)}. {color}", color=color))
            report()

        return handler

    def undo(e):
        if mirror.data:
            mirror.data.pop()
            mirror.controls.pop()
        report()

    def rotate(e):
        shared_row_items.append(shared_row_items.pop(0))
        first.controls = shared_row_items
        info.value = f"first is {first.controls[0].value}"

    def visit(e):
        VISITS.append("x")
        del VISITS[:-1]
        info.value = f"visits kept: {len(VISITS)}"

    page.add(info, first, mirror, *(ft.Button(c, on_click=put(c)) for c in COLORS))
    page.add(
        ft.Button("Undo", on_click=undo),
        ft.Button("Rotate", on_click=rotate),
        ft.Button("Visit", on_click=visit),
    )


ft.run(main)
