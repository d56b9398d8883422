"""An app with ``before_main``, a main that is a generator, and page properties of many types."""

import contextvars
import datetime as dt

import flet as ft

zone = contextvars.ContextVar("zone", default="")


def prepare(page: ft.Page):
    zone.set(" UTC")
    page.title = "Prepared"
    page.session.store.set("prepared", True)
    page.fonts = {"Serif": "/fonts/serif.ttf"}


def main(page: ft.Page):
    page.add(ft.Text("Loading"))
    yield
    page.controls.clear()
    first = dt.date(2024, 2, 28)
    day = ft.Text(f"{first}", font_family="Serif")
    picker = ft.DatePicker(value=first, current_date=first, first_date=dt.date(2024, 1, 1))

    def picked(e):
        day.value = f"{e.control.value:%Y-%m-%d}"

    picker.on_change = picked

    def tomorrow(e):
        nonlocal first
        first += dt.timedelta(days=1)
        picker.value = first
        day.value = f"{first}{zone.get()}"

    def animate(e):
        box.animate = ft.Animation(ft.Duration(milliseconds=300), ft.AnimationCurve.BOUNCE_OUT)
        box.width = 50 if box.width == 100 else 100
        box.border = ft.Border.all(2, ft.Colors.RED) if box.border is None else None
        box.gradient = ft.LinearGradient(colors=[ft.Colors.RED, ft.Colors.BLUE])

    box = ft.Container(width=100, height=20, border_radius=ft.BorderRadius.only(top_left=5))
    page.add(day, box)
    page.add(
        ft.Button("Tomorrow", on_click=tomorrow),
        ft.Button("Animate", on_click=animate),
        ft.Button("Pick", on_click=lambda e: page.show_dialog(picker)),
    )


ft.run(main, before_main=prepare)
