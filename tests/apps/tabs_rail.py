"""A navigation rail that swaps content, and tabs that are added and removed."""

import flet as ft


def main(page: ft.Page):
    page.title = "Rail and tabs"
    extra = 0

    def tab_changed(e):
        status.value = f"tab {e.control.selected_index}"

    def add_tab(e):
        nonlocal extra
        extra += 1
        bar.tabs.append(ft.Tab(label=f"Extra {extra}"))
        view.controls.append(ft.Text(f"Extra content {extra}"))
        tabs.length = len(bar.tabs)

    def close_tab(e):
        if len(bar.tabs) > 1:
            bar.tabs.pop()
            view.controls.pop()
            tabs.selected_index = min(tabs.selected_index, len(bar.tabs) - 1)
            tabs.length = len(bar.tabs)
            status.value = f"closed, at {tabs.selected_index}"

    bar = ft.TabBar(tabs=[ft.Tab(label="One"), ft.Tab(label="Two")])
    view = ft.TabBarView(controls=[ft.Text("Content one"), ft.Text("Content two")], expand=True)
    tabs = ft.Tabs(
        length=2,
        content=ft.Column([bar, view], expand=True),
        on_change=tab_changed,
        expand=True,
    )
    status = ft.Text("tab 0")
    pages = [
        ft.Column([tabs, ft.Button("Add tab", on_click=add_tab), ft.Button("Close tab", on_click=close_tab)]),
        ft.Text("Settings page"),
        ft.Text("About page"),
    ]
    body = ft.Container(pages[0], expand=True)

    def go(e):
        body.content = pages[e.control.selected_index]
        status.value = f"page {e.control.selected_index}"

    rail = ft.NavigationRail(
        selected_index=0,
        on_change=go,
        destinations=[
            ft.NavigationRailDestination(icon=ft.Icons.TAB, label="Tabs"),
            ft.NavigationRailDestination(icon=ft.Icons.SETTINGS, label="Settings"),
            ft.NavigationRailDestination(icon=ft.Icons.INFO, label="About"),
        ],
    )
    page.add(ft.Row([rail, ft.VerticalDivider(), body], expand=True), status)


ft.run(main)
