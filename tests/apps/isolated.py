"""Isolated controls update themselves; the page's automatic update leaves them alone."""

import flet as ft


@ft.control(isolated=True)
class Tile(ft.Container):
    number: int = 0

    def init(self):
        self.hits = 0
        self.content = ft.Text("")
        self.padding = 10
        self.on_click = self._hit

    def before_update(self):
        super().before_update()
        self.content.value = f"Tile {self.number}: {self.hits}"

    def _hit(self, e):
        self.hits += 1
        self.bgcolor = ft.Colors.AMBER if self.hits % 2 else ft.Colors.TEAL

    def bump(self):
        self.hits += 10


def main(page: ft.Page):
    tiles = [Tile(number=n, key=f"tile{n}") for n in range(3)]
    note = ft.Text("ready")

    def silent(e):
        for tile in tiles:
            tile.bump()
        note.value = "bumped, not shown"

    def show(e):
        for tile in tiles:
            tile.update()
        note.value = "shown"
        note.update()

    page.add(
        ft.Row(tiles),
        note,
        ft.Button("Bump", on_click=silent),
        ft.Button("Show", on_click=show),
    )


ft.run(main)
