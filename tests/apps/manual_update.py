"""Automatic updates are off: only what is updated by hand is sent, several times in one handler."""

import flet as ft


def main(page: ft.Page):
    ft.context.disable_auto_update()
    a, b = ft.Text("a0"), ft.Text("b0")
    n = 0

    def hidden(e):
        nonlocal n
        ft.context.disable_auto_update()
        n += 1
        a.value = f"a{n}"
        b.value = f"b{n}"

    def only_a(e):
        hidden(e)
        a.update()

    def thrice(e):
        hidden(e)
        for dots in range(3):
            a.value = f"a{n}" + "." * dots
            page.update()

    def both(e):
        hidden(e)
        page.update(a, b)

    def automatic(e):
        nonlocal n
        n += 1
        a.value = f"auto a{n}"
        b.value = f"auto b{n}"

    page.add(a, b)
    for name, handler in [
        ("Hidden", hidden),
        ("Only a", only_a),
        ("Thrice", thrice),
        ("Both", both),
        ("Automatic", automatic),
    ]:
        page.controls.append(ft.Button(name, on_click=handler))
    page.update()


ft.run(main)
