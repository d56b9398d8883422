import flet as ft


async def main(page: ft.Page):
    await page.add_async(ft.Text("Hello, Flet!"))


ft.app(main)
