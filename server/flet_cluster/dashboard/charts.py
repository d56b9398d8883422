"""Figures over time as lines (layer 4: imports Flet's charts, which the stock web client contains)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import flet as ft
import flet_charts as fch

from flet_cluster import figures
from flet_cluster.dashboard.parts import SOFT, Empty, Panel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flet_cluster.dashboard.series import Step

HEIGHT = 180
_AXIS = 54
_HEADROOM = 1.05
_NOTHING_YET = "The first figures come after some seconds"
_AT_ONCE = ft.Animation(duration=0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart.

    Attributes:
        label: what it is called in the legend.
        figure: which figure it shows.
        color: a role of the theme, so that it suits light and dark.
        filled: whether the area below it is tinted.
    """

    label: str
    figure: str
    color: ft.ColorValue
    filled: bool = False


@ft.control
class TimeChart(Panel):
    """Some lines over the same time, with a legend that says how they stand now.

    A point stays the same object for as long as it is in the picture: what goes to the browser with each
    refresh are the points that came and those that went.
    """

    def init(self) -> None:
        """Frame it; :meth:`draw` says what it draws."""
        super().init()
        self._lines: tuple[Line, ...] = ()
        self._span = 0.0
        self._now: list[ft.Text] = []
        self._empty = Empty(height=HEIGHT)
        self._empty.say(_NOTHING_YET, ft.Icons.SHOW_CHART)
        self._chart = fch.LineChart(
            height=HEIGHT,
            min_y=0,
            animation=_AT_ONCE,
            interactive=True,
            left_axis=fch.ChartAxis(label_size=_AXIS, labels=[_label() for _ in range(3)]),
            bottom_axis=fch.ChartAxis(label_size=24, labels=[_label() for _ in range(3)]),
            tooltip=fch.LineChartTooltip(
                bgcolor=ft.Colors.INVERSE_SURFACE,
                fit_inside_horizontally=True,
                fit_inside_vertically=True,
                max_width=200,
            ),
            visible=False,
        )
        self.body.controls = [self._chart, self._empty]

    def draw(self, write: Callable[[float], str], *lines: Line) -> TimeChart:
        """Say what is drawn; return the chart.

        Args:
            write: writes a figure for people.
            lines: from back to front.
        """
        self._write, self._lines = write, lines
        self._chart.data_series = [_series(line) for line in lines]
        self._now = [ft.Text("", size=12, weight=ft.FontWeight.W_600) for _ in lines]
        self.aside.controls = [_legend(line, now) for line, now in zip(lines, self._now, strict=True)]
        return self

    def show(self, steps: Sequence[Step], span: float, count: int) -> None:
        """Show the cluster at some moments.

        Args:
            steps: oldest first.
            span: what the whole width stands for, seconds.
            count: how many steps that is.
        """
        self._chart.visible, self._empty.visible = bool(steps), not steps
        if not steps:
            return
        if span != self._span:  # steps of another width have other numbers
            self._span = span
            for series in self._chart.data_series:
                series.points = []
        for line, series, now in zip(self._lines, self._chart.data_series, self._now, strict=True):
            series.points = self._points(line, steps, series.points)
            now.value = self._write(steps[-1].figures.get(line.figure, 0.0))
        self._scale(steps[-1].number, count)

    def _points(
        self, line: Line, steps: Sequence[Step], known: list[fch.LineChartDataPoint]
    ) -> list[fch.LineChartDataPoint]:
        """Return a line's points; those that are there already are kept."""
        there = {point.x: point for point in known}
        return [there.get(step.number) or self._point(line, step) for step in steps]

    def _point(self, line: Line, step: Step) -> fch.LineChartDataPoint:
        value = step.figures.get(line.figure, 0.0)
        text = f"{line.label} {self._write(value)}"
        if line is self._lines[0]:
            text = f"{figures.clock(step.at)}\n{text}"
        return fch.LineChartDataPoint(
            x=step.number,
            y=float(f"{value:.4g}"),
            tooltip=fch.LineChartDataPointTooltip(
                text=text, text_style=ft.TextStyle(size=12, color=ft.Colors.ON_INVERSE_SURFACE)
            ),
        )

    def _scale(self, last: int, count: int) -> None:
        """Fit the axes to what is there."""
        chart = self._chart
        top = ceiling(_HEADROOM * max(p.y for series in chart.data_series for p in series.points))
        first = last - count + 1
        chart.max_y, chart.min_x, chart.max_x = top, first, last
        chart.baseline_x = first  # labels are where multiples of their spacing are, counted from here
        chart.left_axis.label_spacing, chart.bottom_axis.label_spacing = top / 2, (last - first) / 2
        chart.horizontal_grid_lines = fch.ChartGridLines(
            interval=top / 2, color=ft.Colors.with_opacity(0.5, ft.Colors.OUTLINE_VARIANT), width=1
        )
        for label, value in zip(chart.left_axis.labels, (0, top / 2, top), strict=True):
            label.value, label.label.value = value, self._write(value) if value else "0"
        span = figures.duration(self._span)
        half = figures.duration(self._span / 2)
        words = (f"{span} ago", f"{half} ago", "now")
        for label, value, word in zip(
            chart.bottom_axis.labels, (first, (first + last) / 2, last), words, strict=True
        ):
            label.value, label.label.value = value, word


def ceiling(value: float) -> float:
    """Return a round number that is not below a value: where a chart's axis ends."""
    if value <= 0:
        return 1.0
    step: float = 10.0 ** math.floor(math.log10(value))
    return next(step * factor for factor in (1, 2, 4, 5, 8, 10) if step * factor >= value * 0.999999)


def _label() -> fch.ChartAxisLabel:
    return fch.ChartAxisLabel(value=0, label=ft.Text("", size=11, color=SOFT, no_wrap=True))


def _series(line: Line) -> fch.LineChartData:
    fill = ft.Colors.with_opacity(0.12, line.color) if line.filled else None
    return fch.LineChartData(
        color=line.color,
        stroke_width=2,
        rounded_stroke_cap=True,
        rounded_stroke_join=True,
        below_line_bgcolor=fill,
        point=False,
    )


def _legend(line: Line, now: ft.Text) -> ft.Control:
    dot = ft.Container(width=10, height=3, border_radius=2, bgcolor=line.color)
    return ft.Row([dot, ft.Text(line.label, size=12, color=SOFT), now], spacing=6, tight=True)
