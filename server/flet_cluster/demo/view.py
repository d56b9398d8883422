"""The demo's view in the terminal: nodes, sessions, what happened, keys (layer 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Group
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from flet_cluster import figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console, RenderableType

    from flet_cluster.demo.log import Log
    from flet_cluster.demo.sight import Row, Sight

_KEYS = (
    ("1-9", "choose a node"),
    ("k", "kill -9"),
    ("d", "drain"),
    ("a", "add a node"),
    ("q", "quit"),
)
_PHASES = {"serving": "green", "starting": "yellow", "draining": "yellow", "killed": "red", "ended": "red"}
_STATES = {"connected": "green", "orphaned": "red", "away": "yellow"}
_FIGURES = ("sessions", "connected", "awake", "events/s", "latency", "memory")
_COLUMNS = ("", "node", "state", "pid", "port", *_FIGURES)
_WIDE = 100
"""Characters in a line of a terminal that has room for all columns."""
_WIDE_ONLY = frozenset({"port", "awake", "memory"})
_EVENTS = 8
"""Lines of what happened that are shown."""
_FRAME = 2
_ID = 8
"""Characters of an id."""


@dataclass(slots=True)
class View:
    """Draws it.

    Attributes:
        sight: what there is.
        log: what happened.
        url: the app's address.
        chosen: the number of the node that keys are about.
    """

    sight: Sight
    log: Log
    url: str
    chosen: int = field(default=1)

    def draw(self, console: Console) -> RenderableType:
        """Draw it for a terminal of this size."""
        nodes = self._nodes(wide=console.width >= _WIDE)
        height = len(self.sight.rows) + 1 + _FRAME
        events = min(_EVENTS, max(3, console.height // 4)) + _FRAME
        layout = Layout()
        layout.split_column(
            Layout(self._heading(), size=1),
            Layout(Panel(nodes, title="Nodes", title_align="left"), size=height),
            Layout(
                self._sessions(max(1, console.height - height - events - 6)), name="sessions", minimum_size=3
            ),
            Layout(self._events(events - _FRAME), size=events),
            Layout(_keys(self.chosen), size=1),
        )
        return layout

    def _heading(self) -> RenderableType:
        return Text.assemble(("flet-cluster demo", "bold"), "   open ", (self.url, "bold underline cyan"))

    def _nodes(self, *, wide: bool) -> Table:
        table = Table(box=None, expand=True, pad_edge=False)
        headings = [heading for heading in _COLUMNS if wide or heading not in _WIDE_ONLY]
        for heading in headings:
            table.add_column(heading, no_wrap=True, justify="right" if heading in _FIGURES else "left")
        for row in self.sight.rows:
            cells = self._node(row)
            style = "reverse" if row.member.number == self.chosen else ""
            table.add_row(*(cells.get(heading, "") for heading in headings), style=style)
        return table

    def _node(self, row: Row) -> Mapping[str, RenderableType]:
        """Return what is in which column; a node that does not say it has no figures."""
        member, facts = row.member, row.facts
        known: dict[str, RenderableType] = {
            "": ">" if member.number == self.chosen else " ",
            "node": str(member.number),
            "state": Text(member.phase, _PHASES.get(member.phase, "")),
            "pid": str(member.pid),
            "port": str(member.port),
        }
        if facts is None or not member.lives:
            return known
        return known | {
            "sessions": figures.count(facts.sessions),
            "connected": figures.count(facts.connected),
            "awake": figures.count(facts.awake),
            "events/s": figures.rate(facts.events),
            "latency": figures.seconds(facts.latency),
            "memory": figures.size(facts.memory),
        }

    def _sessions(self, most: int) -> RenderableType:
        table = Table(box=None, expand=True, pad_edge=False)
        for heading in ("session", "state", "node"):
            table.add_column(heading, no_wrap=True)
        for heading in ("commits", "size"):
            table.add_column(heading, justify="right", no_wrap=True)
        for session in self.sight.sessions[:most]:
            style = _STATES.get(session.state, "dim")
            table.add_row(
                session.session_id[:_ID],
                Text(session.state, style),
                self.sight.number(session.owner),
                figures.count(session.commits),
                figures.size(session.snapshot),
            )
        count = len(self.sight.sessions)
        left = max(0, count - most)
        title = f"Sessions: {count}" + (f", {left} of them not shown" if left else "")
        empty = Text(f"Nobody is there yet: open {self.url} in a browser, or in several.", "dim")
        return Panel(table if count else empty, title=title, title_align="left")

    def _events(self, most: int) -> RenderableType:
        lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in self.log.last(most)]
        return Panel(Group(*lines), title="What happened", title_align="left")


def _keys(chosen: int) -> Text:
    text = Text(f"node {chosen}: ", no_wrap=True)
    for key, what in _KEYS:
        text.append(f" {key} ", "reverse")
        text.append(f" {what}  ")
    return text
