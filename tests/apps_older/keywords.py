"""Every argument that ``ft.app`` had."""

import flet as ft


def main(page):
    page.add(ft.Text(f"{page.route} {page.web}"))


ft.app(
    name="shop",
    target=main,
    port=8550,
    view=ft.WEB_BROWSER,
    assets_dir="with_assets/assets",
    upload_dir="uploads",
    web_renderer="html",
    use_color_emoji=True,
    route_url_strategy="hash",
)
