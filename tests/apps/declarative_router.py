"""Flet's router: a layout with an outlet, a parameter, and a dialog by hook."""

import flet as ft

NOTES = {"1": "Buy milk", "2": "Call Bob"}


@ft.component
def Home():
    return ft.Text("Home page")


@ft.component
def Notes():
    return ft.Column(
        [
            ft.TextButton(text, on_click=lambda e, n=n: ft.context.page.navigate(f"/notes/{n}"))
            for n, text in NOTES.items()
        ]
    )


@ft.component
def Note():
    params = ft.use_route_params()
    asking, set_asking = ft.use_state(False)
    stars, set_stars = ft.use_state(0)

    def confirm():
        set_stars(stars + 1)
        set_asking(False)

    ft.use_dialog(
        ft.AlertDialog(
            title=ft.Text("Star it?"),
            actions=[ft.TextButton("Sure", on_click=confirm)],
            on_dismiss=lambda: set_asking(False),
        )
        if asking
        else None
    )
    return ft.Column(
        [
            ft.Text(f"Note {params['number']}: {NOTES[params['number']]} {'*' * stars}"),
            ft.Button("Star", on_click=lambda: set_asking(True)),
        ]
    )


@ft.component
def Layout():
    return ft.Column(
        [
            ft.Row(
                [
                    ft.TextButton("Go home", on_click=lambda: ft.context.page.navigate("/")),
                    ft.TextButton("Go notes", on_click=lambda: ft.context.page.navigate("/notes")),
                ]
            ),
            ft.use_route_outlet(),
        ]
    )


@ft.component
def App():
    return ft.Router(
        [
            ft.Route(
                component=Layout,
                children=[
                    ft.Route(index=True, component=Home),
                    ft.Route(path="notes", component=Notes),
                    ft.Route(path="notes/:number", component=Note),
                ],
            )
        ]
    )


ft.run(lambda page: page.render(App))
