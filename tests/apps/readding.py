"""The same control objects leave the page and come back, elsewhere and in another order."""

import flet as ft


def main(page: ft.Page):
    left = ft.Column([ft.Text("Left")])
    right = ft.Column([ft.Text("Right")])
    cards = [ft.Container(ft.TextField(label=f"note {n}", value=f"n{n}"), key=n) for n in range(3)]
    parked: list[ft.Control] = []
    info = ft.Text("")
    left.controls += cards

    def where():
        info.value = f"left {len(left.controls) - 1}, right {len(right.controls) - 1}, parked {len(parked)}"

    def move(e):
        source, target = (left, right) if len(left.controls) > 1 else (right, left)
        target.controls.insert(1, source.controls.pop())
        where()

    def park(e):
        for column in (left, right):
            while len(column.controls) > 1:
                parked.append(column.controls.pop())
        where()

    def unpark(e):
        while parked:
            control = parked.pop(0)
            control.content.value += "!"
            right.controls.append(control)
        where()

    def swap(e):
        row.controls.reverse()
        where()

    def replace(e):
        is_field = isinstance(cards[0].content, ft.TextField)
        cards[0].content = ft.Text("replaced") if is_field else ft.TextField()
        where()

    row = ft.Row([left, right])
    where()
    page.add(row, info)
    page.add(
        *[
            ft.Button(name, on_click=handler)
            for name, handler in [
                ("Move", move),
                ("Park", park),
                ("Unpark", unpark),
                ("Swap", swap),
                ("Replace", replace),
            ]
        ]
    )


ft.run(main)
