"""Controls of one's own: subclasses of layout controls, with life cycle methods and private state."""

from collections.abc import Callable

import flet as ft


@ft.control
class Stepper(ft.Row):
    """A number with two buttons; built once, knows its neighbours through a callback."""

    value: int = 0
    caption: str = "Items"
    on_step: Callable[[int], None] | None = None

    def init(self):
        self._clicks = 0
        self._label = ft.Text()
        self.spacing = 4

    def build(self):
        self.controls = [
            ft.TextButton(f"less {self.caption}", on_click=self._less),
            self._label,
            ft.TextButton(f"more {self.caption}", on_click=self._more),
        ]

    def before_update(self):
        super().before_update()
        self._label.value = f"{self.caption}: {self.value} ({self._clicks} clicks)"

    def _less(self, e):
        self._step(-1)

    def _more(self, e):
        self._step(+1)

    def _step(self, by):
        self._clicks += 1
        self.value += by
        if self.on_step:
            self.on_step(self.value)


@ft.control
class Card(ft.Column):
    title: str = ""

    def build(self):
        self._events = []
        self.controls = [ft.Text(self.title, weight=ft.FontWeight.BOLD)]

    def did_mount(self):
        self._events.append("mounted")
        self.page.session.store.set(self.title, list(self._events))

    def will_unmount(self):
        self._events.append("unmounted")
        self.page.session.store.set(self.title, list(self._events))


class PriceCard(Card):
    """Not decorated itself: a plain subclass."""

    def build(self):
        super().build()
        self.controls.append(ft.Text("price"))


def main(page: ft.Page):
    total = ft.Text("Total: 3")
    cards = ft.Row()
    log = ft.Text("")

    def changed(value):
        total.value = f"Total: {apples.value + pears.value}"

    def toggle(e):
        if cards.controls:
            cards.controls.pop()
        else:
            cards.controls.append(PriceCard(title="Offer"))

    def show_log(e):
        log.value = " ".join(page.session.store.get("Offer") or ["nothing"])

    apples = Stepper(value=1, caption="Apples", on_step=changed)
    pears = Stepper(value=2, caption="Pears", on_step=changed)
    page.add(apples, pears, total, cards)
    page.add(ft.Button("Toggle offer", on_click=toggle), ft.Button("Log", on_click=show_log), log)


if __name__ == "__main__":
    ft.run(main)
