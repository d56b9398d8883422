"""One of each older spelling, as the tutorials of its time combined them."""

import flet as ft
from tour_parts import Counter, Log, Pad


def main(page: ft.Page):
    page.title = "Tour"
    log = Log()
    name = ft.TextField(label="Name", helper_text="Who are you?", border_color=ft.colors.BLUE_GREY)

    def join(e):
        if not name.value:
            name.error_text = "Name cannot be blank!"
            name.update()
            return
        page.session.set("user_name", name.value)
        page.dialog.open = False
        page.update()

    async def remember(e):
        await page.client_storage.set_async("favourites", ["red", name.value])
        await log.say(f"stored {await page.client_storage.get_async('favourites')}")

    async def publish(e):
        await page.pubsub.send_all_async(f"hello from {page.session.get('user_name')}")

    async def hear(message):
        await log.say(message)

    def tell(e):
        page.snack_bar = ft.SnackBar(ft.Text("Saved"))
        page.snack_bar.open = True
        page.update()
        name.focus()

    confirm = ft.AlertDialog(
        title=ft.Text("Please confirm"),
        actions=[ft.TextButton(text="Yes", on_click=lambda e: page.close(confirm))],
    )
    status = ft.Text("all")
    later = log.say  # a bound method of the app's
    add_later = page.add_async  # and one that only older Flet has

    async def extend(e):
        await add_later(ft.Text("extended"))
        await later("said")

    def chosen(e):
        status.value = tabs.tabs[tabs.selected_index].text
        status.update()

    tabs = ft.Tabs(selected_index=0, on_change=chosen, tabs=[ft.Tab(text="all"), ft.Tab(text="active")])
    page.dialog = ft.AlertDialog(
        open=True,
        modal=True,
        title=ft.Text("Welcome!"),
        content=ft.Column([name], tight=True),
        actions=[ft.ElevatedButton(text="Join", on_click=join)],
    )
    page.pubsub.subscribe(hear)
    page.add(
        ft.Row(
            [
                ft.ElevatedButton("Remember", on_click=remember),
                ft.ElevatedButton("Publish", on_click=publish),
                ft.ElevatedButton("Tell", on_click=tell),
                ft.ElevatedButton("Confirm", on_click=lambda e: page.open(confirm)),
                ft.ElevatedButton("Extend", on_click=extend),
                ft.IconButton(icon=ft.icons.ADD, tooltip="add"),
            ]
        ),
        ft.Container(tabs, padding=ft.padding.symmetric(5, 10), border=ft.border.all(1, ft.colors.BLACK54)),
        ft.Container(status, alignment=ft.alignment.center_left, margin=ft.margin.only(left=5)),
        Counter(),
        Pad("9"),
        log,
    )


if __name__ == "__main__":
    ft.app(target=main, view=ft.AppView.WEB_BROWSER)
