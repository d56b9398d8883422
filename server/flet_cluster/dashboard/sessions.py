"""The page of all sessions: filtered, page by page (layer 4: imports Flet)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flet as ft

from flet_cluster import figures
from flet_cluster.dashboard import source
from flet_cluster.dashboard.parts import BAD, FAIR, GOOD, SOFT, Badge, Empty, Panel, widths
from flet_cluster.dashboard.view import View
from flet_cluster.errors import ClusterError
from flet_cluster.inspection import State

if TYPE_CHECKING:
    from flet_cluster.inspection import Inspector, SessionFacts

PAGE = 25
_LOOKS = 8
"""How often a page is asked for more, until enough of what is looked at fits the filter."""
COLORS = {
    State.CONNECTED: GOOD,
    State.AWAY: FAIR,
    State.ASLEEP: ft.Colors.BLUE_600,
    State.ORPHANED: BAD,
    State.EXPIRED: ft.Colors.OUTLINE,
}
_WIDTHS = (
    widths(xs=4, md=2),
    widths(xs=5, md=3),
    widths(xs=0, md=3),
    widths(xs=3, md=2),
    widths(xs=0, md=2),
)
_CELL: dict[str, Any] = {"size": 13, "no_wrap": True, "overflow": ft.TextOverflow.ELLIPSIS}
_HEADINGS = ("State", "Session", "Node", "Seen", "Size")


@ft.control
class SessionRow(ft.Container):
    """One line of the list."""

    def init(self) -> None:
        """Lay it out; :meth:`show` fills it."""
        self.ink = True
        self.border_radius = 8
        self.padding = ft.Padding.symmetric(horizontal=10, vertical=9)
        self.session_id = ""
        self._state = Badge(col=_WIDTHS[0])
        self._id = ft.Text("", col=_WIDTHS[1], weight=ft.FontWeight.W_500, **_CELL)
        self._node = ft.Text("", col=_WIDTHS[2], color=SOFT, **_CELL)
        self._seen = ft.Text("", col=_WIDTHS[3], color=SOFT, **_CELL)
        self._size = ft.Text("", size=13, no_wrap=True, color=SOFT)
        self._held = ft.Icon(ft.Icons.LOCK_OUTLINE, size=15, color=FAIR)
        self._works = ft.Icon(ft.Icons.AUTORENEW, size=15, color=SOFT, tooltip="has background work")
        last = ft.Row([self._size, self._held, self._works], spacing=8, col=_WIDTHS[4])
        self.content = ft.ResponsiveRow(
            [self._state, self._id, self._node, self._seen, last],
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
        )

    def show(self, facts: SessionFacts, now: float) -> None:
        """Show a session as it is."""
        self.session_id = facts.session_id
        self._state.show(facts.state.value, COLORS.get(facts.state, SOFT))
        self._id.value = facts.session_id
        self._node.value = facts.owner or figures.NONE
        self._seen.value = figures.ago(facts.seen, now)
        self._size.value = figures.size(facts.snapshot)
        self._held.visible = bool(facts.obstacle)
        self._held.tooltip = f"cannot travel: {facts.obstacle}" if facts.obstacle else None
        self._works.visible = bool(facts.background)


@ft.control
class Sessions(View):
    """A list with a filter; a session's line leads to its own page."""

    def init(self) -> None:
        """Lay it out."""
        super().init()
        self._cursors = [""]
        self._next = ""
        self._now = 0.0
        self._rows: list[SessionRow] = []
        self._find = ft.TextField(
            label="Session id, or how it begins",
            prefix_icon=ft.Icons.SEARCH,
            content_padding=ft.Padding.symmetric(horizontal=12, vertical=14),
            col=widths(xs=12, md=6),
            on_submit=self._search,
        )
        self._state = self._filter("State", *(state.value for state in State))
        self._node = self._filter("Node")
        self._lines = ft.Column(spacing=0)
        self._empty = Empty(visible=False)
        self._back = ft.TextButton("Back", icon=ft.Icons.CHEVRON_LEFT, on_click=self._turn_back)
        self._on = ft.TextButton("More", icon=ft.Icons.CHEVRON_RIGHT, on_click=self._turn_on)
        panel = Panel()
        panel.padding = 8
        panel.content = ft.Column([_headings(), self._lines, self._empty], spacing=0)
        filters = [ft.Row([one], col=widths(xs=6, md=3)) for one in (self._state, self._node)]
        self.controls = [
            ft.Container(
                ft.ResponsiveRow([self._find, *filters], run_spacing=12), padding=ft.Padding.only(top=6)
            ),
            panel,
            ft.Row([self._back, self._on], alignment=ft.MainAxisAlignment.END),
        ]

    def _filter(self, label: str, *names: str) -> ft.Dropdown:
        """Return a choice between all and one of these; whatever is chosen, the list is read anew."""
        return ft.Dropdown(
            label=label,
            value="all",
            dense=True,
            expand=True,
            options=[ft.DropdownOption(name) for name in ("all", *names)],
            on_select=self._filtered,
        )

    async def read(self, cluster: Inspector) -> None:
        """See :class:`View`."""
        nodes = ["all", *sorted(node.node_id for node in await cluster.nodes())]
        if nodes != [option.key for option in self._node.options]:
            self._node.options = [ft.DropdownOption(name) for name in nodes]
        found, self._next = await self._page(cluster)
        while len(self._rows) < len(found):
            self._rows.append(SessionRow(on_click=self._open))
        for row, facts in zip(self._rows, found, strict=False):
            row.show(facts, self._now)
        self._lines.controls = list(self._rows[: len(found)])
        self._empty.visible = not found
        filtered = self._node.value != "all" or self._state.value != "all"
        self._empty.say("No session like this here" if filtered else "Nobody is here yet")
        self._back.visible, self._on.visible = len(self._cursors) > 1, bool(self._next)

    async def _page(self, cluster: Inspector) -> tuple[list[SessionFacts], str]:
        """Return the sessions of this page, the youngest first, and where the next one begins."""
        state = None if self._state.value in {None, "all"} else State(str(self._state.value))
        node = "" if self._node.value in {None, "all"} else str(self._node.value)
        found: list[SessionFacts] = []
        cursor = self._cursors[-1]
        for _ in range(_LOOKS):
            page = await cluster.sessions(cursor, PAGE, node=node, state=state)
            found += page.sessions
            self._now = page.now
            cursor = page.cursor
            if not cursor or len(found) >= PAGE:
                break
        return sorted(found, key=lambda facts: (-facts.created, facts.session_id)), cursor

    def _open(self, event: ft.Event[ft.Container]) -> None:
        assert isinstance(event.control, SessionRow)
        self.page.navigate(f"/sessions/{event.control.session_id}")

    async def _search(self, _event: ft.Event[ft.TextField]) -> None:
        """Open the session that is meant."""
        wanted = self._find.value.strip()
        self._find.error = None
        if not wanted:
            return
        try:
            session_id = await source.inspector(str(self.page.session.store.get("app") or "")).find(wanted)
        except ClusterError as error:
            self._find.error = str(error)
        else:
            self.page.navigate(f"/sessions/{session_id}")

    async def _filtered(self, _event: ft.Event[ft.Dropdown]) -> None:
        self._cursors = [""]
        await self.look_again()

    async def _turn_on(self, _event: ft.Event[ft.TextButton]) -> None:
        self._cursors.append(self._next)
        await self.look_again()

    async def _turn_back(self, _event: ft.Event[ft.TextButton]) -> None:
        self._cursors.pop()
        await self.look_again()


def _headings() -> ft.Control:
    """Return the line above the list; on a phone the list speaks for itself."""
    words = [
        ft.Text(word, size=12, color=SOFT, col=width) for word, width in zip(_HEADINGS, _WIDTHS, strict=True)
    ]
    return ft.Container(
        ft.ResponsiveRow([*words]), padding=ft.Padding.only(left=10, right=10, top=8, bottom=4)
    )
