"""Closures three deep, factories of factories, and cells shared by several functions."""

import flet as ft


def main(page: ft.Page):
    total = 0
    label = ft.Text("total 0")
    trail = ft.Text("")

    def make_group(name, factor):
        group_total = 0

        def make_button(step):
            presses = 0

            def press(e):
                nonlocal total, group_total, presses
                presses += 1
                group_total += step
                total += step * factor
                label.value = f"total {total}"
                trail.value = f"{name}: {group_total}, button {step}: {presses}"

            def reset(e):
                nonlocal presses, group_total
                group_total -= presses * step
                presses = 0
                trail.value = f"{name}: {group_total}, button {step}: {presses}"

            return ft.TextButton(f"{name}+{step}", on_click=press, on_long_press=reset)

        return ft.Row([make_button(step) for step in (1, 5)])

    def add_group(e):
        number = len(page.controls)
        page.controls.append(make_group(f"g{number}", number))

    page.add(label, trail, ft.Button("Add group", on_click=add_group))
    page.add(make_group("a", 1), make_group("b", 10))


ft.run(main)
