"""The small parts that the dashboard's pages are made of (layer 4: imports Flet)."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import flet as ft

from flet_cluster import figures

SOFT = ft.Colors.ON_SURFACE_VARIANT
RADIUS = 14
GOOD, FAIR, BAD = ft.Colors.GREEN_600, ft.Colors.AMBER_700, ft.Colors.RED_600


def ours() -> Any:
    """Return a field that is text and no business of the browser's: nothing of it is sent."""
    return field(default="", metadata={"skip": True})


@ft.control
class Panel(ft.Container):
    """A framed part of a page.

    Attributes:
        title: what it shows; "" for no title.
    """

    title: str = ours()

    def init(self) -> None:
        """Frame what is put into :attr:`body`, below the title, with :attr:`aside` at its right."""
        self.bgcolor = ft.Colors.SURFACE_CONTAINER_LOW
        self.border = ft.Border.all(1, ft.Colors.with_opacity(0.6, ft.Colors.OUTLINE_VARIANT))
        self.border_radius = RADIUS
        self.padding = 18
        self.heading = ft.Text(self.title, size=14, weight=ft.FontWeight.W_600)
        self.aside = ft.Row(spacing=14, wrap=True, run_spacing=2)
        self.body = ft.Column(spacing=12)
        head = ft.Row(
            [self.heading, self.aside],
            alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
            wrap=True,
            visible=bool(self.title),
        )
        self.content = ft.Column([head, self.body], spacing=14)


@ft.control
class Tile(Panel):
    """One figure, large, with its name above and a remark below."""

    def init(self) -> None:
        """Lay it out; :meth:`show` fills it."""
        super().init()
        self.padding = ft.Padding.symmetric(horizontal=18, vertical=14)
        self._value = ft.Text(figures.NONE, size=26, weight=ft.FontWeight.W_600, no_wrap=True)
        self._remark = ft.Text("", size=12, color=SOFT, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS)
        name = ft.Text(self.title, size=13, color=SOFT)
        self.content = ft.Column([name, self._value, self._remark], spacing=2)

    def show(self, value: str, remark: str = "") -> None:
        """Show a figure as it is now."""
        self._value.value, self._remark.value = value, remark


@ft.control
class Badge(ft.Container):
    """A word with a coloured dot: the state of something."""

    def init(self) -> None:
        """Lay it out; :meth:`show` fills it."""
        self._dot = ft.Container(width=8, height=8, border_radius=4, bgcolor=ft.Colors.OUTLINE)
        self._word = ft.Text("", size=12, no_wrap=True)
        self.content = ft.Row([self._dot, self._word], spacing=7, tight=True)

    def show(self, word: str, color: ft.ColorValue) -> None:
        """Show a state."""
        self._word.value, self._dot.bgcolor = word, color


@ft.control
class Fact(ft.Column):
    """A name and, below it, what is known under that name."""

    name: str = ours()

    def init(self) -> None:
        """Lay it out; :meth:`show` fills it."""
        self.spacing = 0
        self._value = ft.Text(figures.NONE, size=14, weight=ft.FontWeight.W_500)
        self.controls = [ft.Text(self.name, size=12, color=SOFT), self._value]

    def show(self, value: str) -> None:
        """Show what is known now."""
        self._value.value = value


@ft.control
class Empty(ft.Container):
    """What is shown where there is nothing to show."""

    def init(self) -> None:
        """Lay it out; :meth:`say` fills it."""
        self._icon = ft.Icon(ft.Icons.INBOX_OUTLINED, size=36, color=ft.Colors.OUTLINE)
        self._text = ft.Text("", color=SOFT, text_align=ft.TextAlign.CENTER)
        self.padding = 32
        self.alignment = ft.Alignment.CENTER
        self.content = ft.Column(
            [self._icon, self._text], horizontal_alignment=ft.CrossAxisAlignment.CENTER, tight=True
        )

    def say(self, text: str, icon: ft.IconData = ft.Icons.INBOX_OUTLINED) -> None:
        """Say why there is nothing."""
        self._text.value, self._icon.icon = text, icon


def widths(**of_twelve: int) -> dict[str | ft.ResponsiveRowBreakpoint, ft.Number]:
    """Return how many of twelve columns a control takes, from each width of the window on; 0 hides it."""
    return {name: width for name, width in of_twelve.items()}  # noqa: C416  of a wider type
