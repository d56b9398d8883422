"""The first page: the cluster as a whole, now and over time (layer 4: imports Flet)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import flet as ft

from flet_cluster import figures
from flet_cluster.dashboard.charts import Line, TimeChart
from flet_cluster.dashboard.parts import Tile, widths
from flet_cluster.dashboard.series import steps, together
from flet_cluster.dashboard.view import View

if TYPE_CHECKING:
    from flet_cluster.inspection import Inspector, NodeFacts

SPANS = {"10 min": 600.0, "1 hour": 3600.0}
STEPS = 60
_NEW = 10.0
"""How often there is something new to draw, seconds: reading an hour of many nodes takes a while."""
_MORE = 120.0
"""Seconds that are read besides: the clocks of node and store may differ."""
_FIGURES = ("sessions", "connected", "awake", "events", "latency", "latency_high", "cpu", "memory", "lag")


@ft.control
class Overview(View):
    """Six figures and four charts."""

    def init(self) -> None:
        """Lay it out."""
        super().init()
        self._nodes, self._sessions, self._events, self._latency, self._cpu, self._memory = tiles = [
            Tile(title=title, col=widths(xs=6, md=4, xl=2))
            for title in ("Nodes", "Sessions", "Events / s", "Latency", "Processor", "Memory")
        ]
        self._charts = _charts()
        self._drawn = (0.0, 0.0)
        self._span = ft.SegmentedButton(
            [ft.Segment(value=name, label=ft.Text(name, size=13)) for name in SPANS],
            selected=[next(iter(SPANS))],
            show_selected_icon=False,
            on_change=self.look_again,
        )
        heading = ft.Row(
            [ft.Text("Over time", size=16, weight=ft.FontWeight.W_600), self._span],
            alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
        )
        self.controls = [
            ft.ResponsiveRow([*tiles], spacing=12, run_spacing=12),
            heading,
            ft.ResponsiveRow([*self._charts], spacing=12, run_spacing=12),
        ]

    async def read(self, cluster: Inspector) -> None:
        """See :class:`View`."""
        self._show_now(await cluster.nodes())
        span, now = SPANS[self._span.selected[0]], time.time()
        if self._drawn[0] == span and 0 <= now - self._drawn[1] < _NEW:
            return
        samples = await cluster.history(since=now - span - _MORE)
        there = steps(samples, span, STEPS)
        if there:
            self._drawn = (span, now)
        for chart in self._charts:
            chart.show(there, span, STEPS)

    def _show_now(self, nodes: list[NodeFacts]) -> None:
        """Fill the tiles."""
        draining = sum(node.draining for node in nodes)
        all_of_them = together([{name: getattr(node, name) for name in _FIGURES} for node in nodes])
        now = {name: all_of_them.get(name, 0.0) for name in _FIGURES}
        self._nodes.show(figures.count(len(nodes)), f"{draining} draining" if draining else "all ready")
        self._sessions.show(figures.count(now["sessions"]), f"{figures.count(now['connected'])} connected")
        self._events.show(figures.rate(now["events"]), f"{figures.count(now['awake'])} awake")
        self._latency.show(figures.seconds(now["latency"]), f"95 %: {figures.seconds(now['latency_high'])}")
        self._cpu.show(figures.cores(now["cpu"]), "cores in use")
        self._memory.show(figures.size(now["memory"]), f"loop lag {figures.seconds(now['lag'])}")


def _charts() -> list[TimeChart]:
    col = widths(xs=12, lg=6)
    first, second, third = ft.Colors.PRIMARY, ft.Colors.TERTIARY, ft.Colors.OUTLINE
    return [
        TimeChart(title="Events per second", col=col).draw(
            figures.rate, Line("events", "events", first, filled=True)
        ),
        TimeChart(title="From event to answer", col=col).draw(
            figures.seconds, Line("median", "latency", first), Line("95 %", "latency_high", second)
        ),
        TimeChart(title="Sessions", col=col).draw(
            figures.count,
            Line("held", "sessions", third),
            Line("connected", "connected", first, filled=True),
            Line("awake", "awake", second),
        ),
        TimeChart(title="Memory of all nodes", col=col).draw(
            figures.size, Line("memory", "memory", second, filled=True)
        ),
    ]
