"""Tables for people (layer 5: imports rich, so it is imported only when one is shown)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from flet_cluster import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from flet_cluster.inspection import Busy, Look, NodeFacts, SessionDetail, SessionFacts

_NO_TERMINAL_WIDTH = 2000
_COLORS = {"connected": "green", "away": "yellow", "asleep": "dim", "orphaned": "red", "expired": "magenta"}


def show(what: RenderableType) -> None:
    """Print; where there is no terminal, nothing is cut for want of width."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_NO_TERMINAL_WIDTH)
    console.print(what)


def of_nodes(nodes: Iterable[NodeFacts], now: float) -> Table:
    """Make the table of nodes."""
    left = ("node", "host", "pid", "address", "code", "age")
    right = ("sessions", "connected", "awake", "events/s", "median", "95 %", "cpu", "memory", "lag")
    table = _table(left, right)
    for node in nodes:
        table.add_row(
            plain(node.node_id + (" draining" if node.draining else ""), "yellow" if node.draining else ""),
            plain(node.host),
            str(node.pid or ""),
            plain(node.address),
            plain(node.version),
            figures.duration(node.age(now)),
            figures.count(node.sessions),
            figures.count(node.connected),
            figures.count(node.awake),
            figures.rate(node.events),
            figures.seconds(node.latency),
            figures.seconds(node.latency_high),
            f"{node.cpu * 100:.0f} %",
            figures.size(node.memory),
            figures.seconds(node.lag),
        )
    return table


def of_sessions(sessions: Iterable[SessionFacts], now: float) -> Table:
    """Make the table of sessions."""
    table = _table(("session", "state", "node"), ("age", "seen", "ends in", "commits", "snapshot", "epoch"))
    for one in sessions:
        table.add_row(
            plain(one.session_id),
            Text(one.state, _COLORS[one.state]),
            plain(one.owner),
            figures.duration(now - one.created) if one.created else figures.NONE,
            figures.ago(one.seen, now),
            figures.duration(one.deadline - now),
            str(one.commits),
            figures.size(one.snapshot),
            str(one.epoch),
        )
    return table


def of_busy(busy: Sequence[Busy]) -> Table:
    """Make the table of the busiest sessions."""
    table = _table(("session", "node"), ("commits/s",))
    for one in busy:
        table.add_row(plain(one.session_id), plain(one.node_id), figures.rate(one.commits))
    return table


def of_detail(detail: SessionDetail, look: Look | None) -> Iterable[RenderableType]:
    """Make what ``session show`` prints."""
    grid = Table.grid(padding=(0, 2))
    for name, value in _facts(detail, look):
        grid.add_row(Text(name, "dim"), plain(value))
    yield grid
    life = Table.grid(padding=(0, 2))
    for event in detail.events:
        words = (plain(word) for word in (event.kind, event.node, event.detail))
        life.add_row(Text(_moment(event.at), "dim"), *words)
    yield Group(Text(""), life)


def _facts(detail: SessionDetail, look: Look | None) -> Iterable[tuple[str, str]]:
    facts, now = detail.facts, detail.now
    yield "session", detail.session_id
    if facts is None:
        yield "state", "ended"
        return
    yield "state", facts.state
    yield "node", facts.owner or "none"
    yield "epoch", str(facts.epoch)
    yield "created", _moment(facts.created)
    yield "seen", figures.ago(facts.seen, now)
    yield "ends in", figures.duration(facts.deadline - now)
    yield "commits", str(facts.commits)
    yield "main", facts.main
    yield "page", facts.instance or "of a client without resume.js"
    yield "snapshot", figures.size(facts.snapshot)
    yield "code", facts.version
    yield "travels", f"no: {facts.obstacle}" if facts.obstacle else "yes"
    yield "background", str(facts.background)
    yield "pub/sub", "yes" if facts.subscribed else "no"
    yield "inbox", "something waits" if facts.mail else "empty"
    if look is not None:
        yield "connected", "yes" if look.connected else "no"
        yield "objects", "awake" if look.awake else "asleep"
        if look.awake:
            yield "route", look.route
            yield "client", f"{look.ip} {look.user_agent}".strip()


def plain(text: str, style: str = "") -> Text:
    """Return what a client, an app or a node says of itself: a terminal must not take it for orders."""
    return Text("".join(sign if sign.isprintable() else "\ufffd" for sign in text), style)


def _moment(at: float) -> str:
    return f"{figures.date(at)} UTC" if at else figures.NONE


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
