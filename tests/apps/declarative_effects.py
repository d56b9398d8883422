"""Effects: on mount, on a changed dependency, with clean-up, sync and async."""

import asyncio

import flet as ft


@ft.component
def Watcher(name, journal):
    def connect():
        journal.append(f"connect {name}")
        return lambda: journal.append(f"disconnect {name}")

    ft.use_effect(connect, [name])
    return ft.Text(f"watching {name}")


@ft.component
def App(journal):
    topic, set_topic = ft.use_state("news")
    shown, set_shown = ft.use_state(True)
    loaded, set_loaded = ft.use_state("")
    lines, set_lines = ft.use_state("")

    async def load():
        await asyncio.sleep(0.01)
        set_loaded(f"loaded {topic}")

    ft.use_effect(load, [topic])
    ft.on_mounted(lambda: journal.append("app mounted"))

    return ft.Column(
        [
            ft.Button("News", on_click=lambda: set_topic("news")),
            ft.Button("Sports", on_click=lambda: set_topic("sports")),
            ft.Button("Hide" if shown else "Show", key="toggle", on_click=lambda: set_shown(not shown)),
            ft.Button("Journal", on_click=lambda: set_lines(" | ".join(journal))),
            ft.Text(loaded),
            ft.Text(lines),
            *([Watcher(topic, journal)] if shown else []),
        ]
    )


def main(page: ft.Page):
    page.render(App, [])


ft.run(main)
