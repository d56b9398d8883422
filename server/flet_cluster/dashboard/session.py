"""The page of one session: what is known of it, and its life as a timeline (layer 4: imports Flet)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flet as ft

from flet_cluster import figures
from flet_cluster.dashboard.asking import ask
from flet_cluster.dashboard.life import Stay, stays
from flet_cluster.dashboard.parts import BAD, GOOD, SOFT, Badge, Empty, Fact, Panel, ours, widths
from flet_cluster.dashboard.sessions import COLORS
from flet_cluster.dashboard.view import View
from flet_cluster.errors import NoSuchSession

if TYPE_CHECKING:
    from flet_cluster.inspection import Inspector, LifeEvent, Look, SessionDetail, SessionFacts

FACTS = ("Node", "Page", "Address", "Created", "Seen", "Kept until", "Commits", "Snapshot", "App version")
MARKS: dict[str, tuple[ft.IconData, ft.ColorValue]] = {
    "created": (ft.Icons.ADD_CIRCLE_OUTLINE, GOOD),
    "taken": (ft.Icons.SWAP_HORIZ, ft.Colors.PRIMARY),
    "seized": (ft.Icons.FLASH_ON, ft.Colors.AMBER_700),
    "resumed": (ft.Icons.PLAY_CIRCLE_OUTLINE, GOOD),
    "reloaded": (ft.Icons.REFRESH, ft.Colors.PRIMARY),
    "released": (ft.Icons.BEDTIME_OUTLINED, ft.Colors.BLUE_600),
    "left": (ft.Icons.PERSON_OFF_OUTLINED, SOFT),
    "reset": (ft.Icons.RESTART_ALT, BAD),
    "ended": (ft.Icons.BLOCK, BAD),
}
_OTHER = (ft.Icons.CIRCLE_OUTLINED, SOFT)
_NODE_COLORS = (
    ft.Colors.INDIGO_400,
    ft.Colors.TEAL_400,
    ft.Colors.ORANGE_400,
    ft.Colors.PINK_300,
    ft.Colors.LIGHT_BLUE_400,
    ft.Colors.LIME_600,
)
_NOWHERE = ft.Colors.OUTLINE_VARIANT
_PARTS = 1000


@ft.control
class Timeline(Panel):
    """A bar of where the session was, and below it what happened, the latest first."""

    def init(self) -> None:
        """Lay it out; :meth:`show` fills it."""
        super().init()
        self._colors: dict[str, ft.ColorValue] = {}
        self._known: list[LifeEvent] = []
        self._parts: list[ft.Container] = []
        self._bar = ft.Row(spacing=2)
        self._begin, self._end = ft.Text("", size=12, color=SOFT), ft.Text("", size=12, color=SOFT)
        self._events = ft.Column(spacing=0)
        ends = ft.Row([self._begin, self._end], alignment=ft.MainAxisAlignment.SPACE_BETWEEN)
        self.body.controls = [
            ft.Container(self._bar, border_radius=6, clip_behavior=ft.ClipBehavior.ANTI_ALIAS),
            ends,
            self._events,
        ]

    def show(self, events: list[LifeEvent], now: float, *, ended: bool) -> None:
        """Show a life so far."""
        until = events[-1].at if ended and events else now
        self._show_bar(stays(events, until))
        self._begin.value = f"{figures.date(events[0].at)} UTC" if events else ""
        self._end.value = figures.clock(until) if ended else "now"
        if events == self._known:
            return
        new = events[len(self._known) :] if events[: len(self._known)] == self._known else None
        lines = [self._line(event) for event in reversed(events if new is None else new)]
        self._events.controls = lines if new is None else [*lines, *self._events.controls]
        self._known = events

    def _show_bar(self, there: list[Stay]) -> None:
        """Bring the bar's parts up to date; those that are there stay the same controls."""
        total = sum(stay.seconds for stay in there) or 1.0
        parts = self._parts[: len(there)]
        parts += [ft.Container(height=18) for _ in there[len(parts) :]]
        for part, stay in zip(parts, there, strict=True):
            part.expand = max(1, round(_PARTS * stay.seconds / total))
            part.bgcolor = self._color(stay.node)
            part.tooltip = f"{stay.node or 'asleep'}\n{figures.clock(stay.begin)}"
        if parts != self._parts:
            self._parts = parts
            self._bar.controls = [*parts]

    def _color(self, node: str) -> ft.ColorValue:
        """Return a node's colour in this life: the same each time, another one for the next node."""
        if not node:
            return _NOWHERE
        return self._colors.setdefault(node, _NODE_COLORS[len(self._colors) % len(_NODE_COLORS)])

    def _line(self, event: LifeEvent) -> ft.Control:
        icon, color = MARKS.get(event.kind, _OTHER)
        words: list[ft.Control] = [ft.Text(event.kind, weight=ft.FontWeight.W_600, size=14)]
        if event.node:
            dot = ft.Container(width=8, height=8, border_radius=4, bgcolor=self._color(event.node))
            words.append(ft.Row([dot, ft.Text(event.node, size=12, color=SOFT)], spacing=6, tight=True))
        if event.detail:
            words.append(ft.Text(event.detail, size=13, color=SOFT))
        return ft.Container(
            ft.Row(
                [
                    ft.Text(figures.clock(event.at), size=12, color=SOFT, width=62),
                    ft.Icon(icon, size=18, color=color),
                    ft.Row(words, wrap=True, spacing=12, run_spacing=0, expand=True),
                ],
                vertical_alignment=ft.CrossAxisAlignment.START,
            ),
            padding=ft.Padding.symmetric(vertical=7),
        )


@ft.control
class Session(View):
    """One session; its life so far is shown when it has ended, too.

    Attributes:
        session_id: whose page it is.
    """

    session_id: str = ours()

    def init(self) -> None:
        """Lay it out."""
        super().init()
        self._state = Badge()
        self._kick = ft.OutlinedButton("End session", icon=ft.Icons.BLOCK, on_click=self._ask)
        self._facts = [Fact(name=name, col=widths(xs=6, md=4)) for name in FACTS]
        self._remarks = ft.Text("", color=ft.Colors.AMBER_700, size=13)
        self._panel = Panel()
        self._panel.content = ft.Column([ft.ResponsiveRow([*self._facts], run_spacing=14), self._remarks])
        self._timeline = Timeline(title="Life")
        self._empty = Empty(visible=False)
        back = ft.IconButton(
            ft.Icons.ARROW_BACK, tooltip="All sessions", on_click=lambda _: self.page.navigate("/sessions")
        )
        name = ft.Text(self.session_id, size=16, weight=ft.FontWeight.W_600, selectable=True)
        self.controls = [
            ft.Row(
                [ft.Row([back, name, self._state], wrap=True), self._kick],
                alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
                wrap=True,
            ),
            self._panel,
            self._timeline,
            self._empty,
        ]

    async def read(self, cluster: Inspector) -> None:
        """See :class:`View`."""
        try:
            detail = await cluster.session(self.session_id)
        except (NoSuchSession, ValueError):  # it may be no id at all
            self._nothing()
            return
        look = None
        if detail.facts is not None and detail.facts.owner:
            look = (await cluster.look([self.session_id])).get(self.session_id)
        self._show(detail, look)

    def _nothing(self) -> None:
        """Say that there is no such session, and nothing is remembered of one."""
        self._state.show("unknown", ft.Colors.OUTLINE)
        self._panel.visible = self._timeline.visible = self._kick.visible = False
        self._empty.visible = True
        self._empty.say("There is no such session, or it ended long ago", ft.Icons.SEARCH_OFF)

    def _show(self, detail: SessionDetail, look: Look | None) -> None:
        facts = detail.facts
        self._empty.visible = False
        self._panel.visible = self._kick.visible = facts is not None
        self._timeline.visible = True
        if facts is None:
            self._state.show("ended", ft.Colors.OUTLINE)
        else:
            self._state.show(facts.state.value, COLORS.get(facts.state, SOFT))
            self._show_facts(facts, look, detail.now)
        self._timeline.show(list(detail.events), detail.now, ended=detail.ended)

    def _show_facts(self, facts: SessionFacts, look: Look | None, now: float) -> None:
        values = (
            facts.owner or "none: asleep",
            (look.route if look else "") or figures.NONE,
            (look.ip if look else "") or figures.NONE,
            figures.date(facts.created),
            figures.ago(facts.seen, now),
            figures.clock(facts.deadline),
            figures.count(facts.commits),
            figures.size(facts.snapshot),
            figures.short(facts.version),
        )
        for fact, value in zip(self._facts, values, strict=True):
            fact.show(value)
        self._remarks.value = f"Cannot travel: {facts.obstacle}" if facts.obstacle else ""
        self._remarks.visible = bool(facts.obstacle)

    async def _ask(self, _event: ft.Event[ft.OutlinedButton]) -> None:
        """Ask, then end the session."""
        session_id = self.session_id
        ask(
            self,
            "End this session?",
            "What its user has not finished is lost; the page begins anew.",
            "End session",
            lambda cluster: cluster.kick(session_id),
        )
