"""Alert dialogs, snack bars and bottom sheets, opened, answered and dismissed."""

import flet as ft


def main(page: ft.Page):
    items = ["alpha", "beta", "gamma"]
    listing = ft.Text(", ".join(items))
    log = ft.Text("")

    def closed(e):
        log.value += "[closed]"
        page.update()  # the dialog is no longer on the page, so nothing updates by itself

    def ask(e):
        target = items[-1] if items else None

        def yes(e):
            items.remove(target)
            listing.value = ", ".join(items) or "nothing left"
            page.pop_dialog()
            page.show_dialog(
                ft.SnackBar(ft.Text(f"Deleted {target}"), action="Undo", on_action=lambda e: undo(target))
            )
            page.update()

        page.show_dialog(
            ft.AlertDialog(
                modal=True,
                title=ft.Text("Delete?"),
                content=ft.Text(f"Really delete {target}?"),
                actions=[
                    ft.TextButton("Yes", on_click=yes),
                    ft.TextButton("No", on_click=lambda e: page.pop_dialog()),
                ],
                on_dismiss=closed,
            )
        )

    def undo(target):
        items.append(target)
        listing.value = ", ".join(items)

    def sheet_closed(e):
        log.value += "[sheet]"
        page.update()

    sheet = ft.BottomSheet(
        content=ft.Column(
            [ft.Text("In the sheet"), ft.Button("Close", on_click=lambda e: page.pop_dialog())]
        ),
        on_dismiss=sheet_closed,
    )

    page.add(
        listing,
        log,
        ft.Button("Delete", on_click=ask),
        ft.Button("Sheet", on_click=lambda e: page.show_dialog(sheet)),
    )


if __name__ == "__main__":
    ft.run(main)
