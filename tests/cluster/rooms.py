"""The app of the tests of what sessions share through a module: objects in a dict, a list of all pages."""

import weakref
from typing import Any

import flet as ft


class Room:
    """Where several users meet."""

    def __init__(self) -> None:
        self.clicks = 0


rooms: dict[str, Room] = {}
histories: dict[str, list[str]] = {}
present: weakref.WeakValueDictionary[str, Room] = weakref.WeakValueDictionary()
pages: list[tuple[ft.Page, ft.Text]] = []


def main(page: ft.Page) -> None:
    room = rooms.setdefault("lobby", Room())
    corner = present.setdefault("corner", Room())
    history = histories.setdefault("lobby", [])
    label = ft.Text("Room: 0")
    news = ft.Text("News: 0")

    def enter(_: Any) -> None:
        room.clicks += 1
        corner.clicks += 1
        history.append("entered")
        look(_)

    def look(_: Any) -> None:
        same = rooms["lobby"] is room and histories["lobby"] is history and present["corner"] is corner
        label.value = f"Room: {room.clicks} {corner.clicks} {len(history)} {same}"

    def join(_: Any) -> None:
        pages.append((page, news))

    def part(_: Any) -> None:
        pages.clear()

    def tell(_: Any) -> None:
        for other, text in pages:
            text.value = f"News: {room.clicks}"
            other.update()

    def gone(_: Any) -> None:
        rooms.setdefault("left", Room()).clicks += 1

    page.on_disconnect = gone
    page.add(
        label,
        news,
        ft.Button("enter", on_click=enter),
        ft.Button("look", on_click=look),
        ft.Button("join", on_click=join),
        ft.Button("part", on_click=part),
        ft.Button("tell", on_click=tell),
    )


if __name__ == "__main__":
    ft.run(main)
