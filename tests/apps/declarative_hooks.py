"""Refs, memoised values and callbacks, and a context that reaches through components."""

from collections.abc import Callable
from dataclasses import dataclass

import flet as ft


@dataclass(frozen=True)
class Theme:
    name: str
    color: str
    toggle: Callable[[], None]


ThemeContext = ft.create_context(None)


@ft.component
def Label(text):
    theme = ft.use_context(ThemeContext)
    return ft.Text(f"{text} ({theme.name})", color=theme.color)


@ft.component
def Panel(children):
    theme = ft.use_context(ThemeContext)
    return ft.Column([*children, ft.Button("Toggle theme", on_click=theme.toggle)])


@ft.component
def Numbers():
    limit, set_limit = ft.use_state(5)
    noise, set_noise = ft.use_state(0)
    renders = ft.use_ref(0)
    computed = ft.use_ref(list)
    renders.current += 1

    def squares():
        computed.current.append(limit)
        return [n * n for n in range(limit)]

    values = ft.use_memo(squares, [limit])
    more = ft.use_callback(lambda: set_limit(limit + 1), [limit])

    return ft.Column(
        [
            ft.Text(f"sum {sum(values)}"),
            ft.Text(f"computed for {computed.current}, noise {noise}"),
            ft.Button("More", on_click=more),
            ft.Button("Noise", on_click=lambda: set_noise(noise + 1)),
        ]
    )


@ft.component
def App():
    dark, set_dark = ft.use_state(False)
    theme = ft.use_memo(
        lambda: Theme("dark" if dark else "light", "white" if dark else "black", lambda: set_dark(not dark)),
        [dark],
    )
    return ThemeContext(theme, lambda: ft.Column([Panel([Label("one"), Label("two")]), Numbers()]))


ft.run(lambda page: page.render(App))
