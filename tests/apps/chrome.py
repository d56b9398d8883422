"""App bar, floating button, bottom bar, drawer and overlay; theme and fonts switched at run time."""

import flet as ft


def main(page: ft.Page):
    page.theme_mode = ft.ThemeMode.LIGHT
    page.theme = ft.Theme(color_scheme_seed=ft.Colors.GREEN)
    clicks = 0

    def toggle_theme(e):
        dark = page.theme_mode == ft.ThemeMode.DARK
        page.theme_mode = ft.ThemeMode.LIGHT if dark else ft.ThemeMode.DARK
        e.control.icon = ft.Icons.DARK_MODE if dark else ft.Icons.LIGHT_MODE
        page.bgcolor = None if dark else ft.Colors.with_opacity(0.9, ft.Colors.BLACK)

    def seed(e):
        page.theme.color_scheme_seed = ft.Colors.PINK
        page.theme.visual_density = ft.VisualDensity.COMPACT
        page.padding = ft.Padding.symmetric(horizontal=clicks)

    def fab(e):
        nonlocal clicks
        clicks += 1
        page.appbar.title.value = f"Pressed {clicks}"
        banner.visible = clicks % 2 == 1
        if clicks == 3:
            page.floating_action_button = None

    def resized(e):
        size.value = f"{e.width:.0f} x {e.height:.0f}"

    banner = ft.Container(ft.Text("overlay"), bgcolor=ft.Colors.YELLOW, visible=False)
    size = ft.Text("unknown size")
    page.overlay.append(banner)
    page.appbar = ft.AppBar(
        title=ft.Text("Pressed 0"),
        actions=[ft.IconButton(ft.Icons.DARK_MODE, tooltip="theme", on_click=toggle_theme)],
    )
    page.floating_action_button = ft.FloatingActionButton(icon=ft.Icons.ADD, tooltip="fab", on_click=fab)
    page.navigation_bar = ft.NavigationBar(
        destinations=[
            ft.NavigationBarDestination(icon=ft.Icons.HOME, label="Home"),
            ft.NavigationBarDestination(icon=ft.Icons.MAP, label="Map"),
        ],
        on_change=lambda e: setattr(size, "value", f"bar {e.control.selected_index}"),
    )
    page.on_resize = resized
    page.add(size, ft.Button("Seed", on_click=seed))


ft.run(main)
