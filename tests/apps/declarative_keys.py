"""Nested components in a list with keys: rows keep their own state when the list is reordered."""

import flet as ft


@ft.component
def Cell(label):
    hits, set_hits = ft.use_state(0)
    return ft.TextButton(f"{label} {hits}", key=label, on_click=lambda: set_hits(hits + 1))


@ft.component
def Line(name):
    open_, set_open = ft.use_state(False)
    return ft.Column(
        [
            ft.TextButton(f"{'close' if open_ else 'open'} {name}", on_click=lambda: set_open(not open_)),
            *([Cell(f"{name}{n}") for n in range(2)] if open_ else []),
        ]
    )


@ft.component
def App():
    names, set_names = ft.use_state(["a", "b", "c"])
    return ft.Column(
        [
            ft.Row(
                [
                    ft.Button("Reverse", on_click=lambda: set_names(names[::-1])),
                    ft.Button("Drop first", on_click=lambda: set_names(names[1:])),
                    ft.Button("Add", on_click=lambda: set_names([*names, chr(ord(max(names)) + 1)])),
                ]
            ),
            *[Line(name, key=name) for name in names],
            ft.Text("-".join(names)),
        ]
    )


if __name__ == "__main__":
    ft.run(lambda page: page.render(App))


def main(page: ft.Page):
    page.render(App)
