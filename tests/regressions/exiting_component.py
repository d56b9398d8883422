"""A component that exits while it is rendered again."""

import sys

import flet as ft


@ft.component
def Counter() -> ft.Control:  # noqa: N802  components are named like classes
    count, set_count = ft.use_state(0)
    if count == 2:
        sys.exit("two is too many")
    return ft.Column([ft.Text(f"Count: {count}"), ft.Button("plus", on_click=lambda: set_count(count + 1))])


ft.run(lambda page: page.render(Counter))
