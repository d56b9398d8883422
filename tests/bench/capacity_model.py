"""The capacity model of docs/capacity.md: costs of one event and of one session, multiplied."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = Path(__file__).parents[2] / "docs" / "capacity.md"
SIZES = (10_000, 100_000, 1_000_000)
BUSY = 0.6
"""Share of a core that is used on average, so that peaks and the loss of a node fit."""
GIB = 1 << 30


@dataclass(frozen=True)
class Cost:
    """What something uses.

    Attributes:
        node_seconds: processor time of nodes.
        redis_seconds: processor time of Redis.
        redis_calls: commands and scripts, with those that scripts call.
        redis_bytes: over Redis' sockets, both ways.
    """

    node_seconds: float
    redis_seconds: float
    redis_calls: float
    redis_bytes: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Cost) -> Cost:
        return self + other * -1

    def __mul__(self, times: float) -> Cost:
        return Cost(*(value * times for value in astuple(self)))

    def __truediv__(self, parts: float) -> Cost:
        return self * (1 / parts)


@dataclass(frozen=True)
class Load:
    """What is asked for.

    Attributes:
        sessions: that are connected.
        events_per_second: of one session, on average.
        opened_per_second: of one session: how often its user comes anew.
        asleep: share of the events whose sessions sleep: of many, those that were quiet for half a second.
    """

    sessions: float
    events_per_second: float
    opened_per_second: float = 0.0
    asleep: float = 1.0


@dataclass(frozen=True)
class Costs:
    """What was measured for one page."""

    event: Cost
    woken_event: Cost
    opening: Cost
    idle_second: Cost
    empty_node_second: Cost
    node_bytes: float
    redis_bytes: float

    @classmethod
    def read(cls, found: dict[str, Any], page: str) -> Costs:
        """Take the costs of a page from ``capacity.json``."""
        here = found["pages"][page]
        return cls(
            event=Cost(**here["event"]),
            woken_event=replace(Cost(**here["event"]), node_seconds=here["woken_node_seconds"]),
            opening=Cost(**here["opening"]),
            idle_second=Cost(**here["idle_second"]),
            empty_node_second=Cost(**found["empty_node_second"]),
            node_bytes=here["node_bytes"],
            redis_bytes=here["redis_bytes"],
        )

    def of(self, load: Load, nodes: float) -> Cost:
        """Return what a second of a load costs; ``nodes`` is the number of processes."""
        event = self.event * (1 - load.asleep) + self.woken_event * load.asleep
        each = event * load.events_per_second + self.opening * load.opened_per_second + self.idle_second
        return each * load.sessions + self.empty_node_second * nodes


def plan(costs: Costs, load: Load) -> dict[str, float]:
    """Return what a load needs.

    Out: ``nodes`` (processes of one core) and ``redis_shards`` (primaries, one core each), none busier than
    :data:`BUSY`; ``redis_cores`` (that are busy); ``redis_gib``; ``node_mib`` (memory of the sessions on one
    node); ``calls`` and ``mbit`` (of Redis, a second).
    """
    second = costs.of(load, nodes=0)
    nodes = max(2.0, -(-second.node_seconds // (BUSY - costs.empty_node_second.node_seconds)))
    second += costs.empty_node_second * nodes
    return {
        "nodes": nodes,
        "redis_cores": second.redis_seconds,
        "redis_shards": max(1.0, -(-second.redis_seconds // BUSY)),
        "redis_gib": costs.redis_bytes * load.sessions / GIB,
        "node_mib": costs.node_bytes * load.sessions / nodes / (1 << 20),
        "calls": second.redis_calls,
        "mbit": second.redis_bytes * 8 / 1e6,
    }


def costs_table(found: dict[str, Any]) -> str:
    """Return the table of measured costs."""
    pages = [Costs.read(found, page) for page in ("app", "page50")]
    rows: list[tuple[str, Callable[[Costs], str]]] = [
        ("event: node, µs of processor", lambda c: f"{c.event.node_seconds * 1e6:.0f}"),
        ("event that wakes its session: node, µs", lambda c: f"{c.woken_event.node_seconds * 1e6:.0f}"),
        ("event: Redis, µs of processor", lambda c: f"{c.event.redis_seconds * 1e6:.0f}"),
        ("event: Redis calls, those in scripts included", lambda c: f"{c.event.redis_calls:.1f}"),
        ("event: bytes to and from Redis", lambda c: f"{c.event.redis_bytes:.0f}"),
        ("opening a page: node, ms", lambda c: f"{c.opening.node_seconds * 1e3:.1f}"),
        ("opening a page: Redis, µs", lambda c: f"{c.opening.redis_seconds * 1e6:.0f}"),
        ("silent session: node, µs a second", lambda c: f"{c.idle_second.node_seconds * 1e6:.1f}"),
        ("silent session: Redis, µs a second", lambda c: f"{c.idle_second.redis_seconds * 1e6:.2f}"),
        ("silent session: Redis calls a second", lambda c: f"{c.idle_second.redis_calls:.2f}"),
        ("session: node memory, kB", lambda c: f"{c.node_bytes / 1e3:.0f}"),
        ("session: Redis memory, kB", lambda c: f"{c.redis_bytes / 1e3:.1f}"),
        ("events per core and second", lambda c: f"{1 / c.event.node_seconds:,.0f}"),
        ("… that wake their sessions", lambda c: f"{1 / c.woken_event.node_seconds:,.0f}"),
        ("events per Redis and second", lambda c: f"{1 / c.event.redis_seconds:,.0f}"),
    ]
    lines = ["| | counter page | 50 controls |", "|---|---|---|"]
    lines += [f"| {name} | {' | '.join(show(page) for page in pages)} |" for name, show in rows]
    return "\n".join(lines)


def plans_table(found: dict[str, Any]) -> str:
    """Return what 10k, 100k and 1M sessions need."""
    names = ["sessions", "page", "nodes", "Redis: busy cores", "primaries", "GiB", "calls/s", "Mbit/s"]
    names.append("MiB of sessions per node")
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    for sessions in SIZES:
        for page, name in (("app", "counter"), ("page50", "50 controls")):
            need = plan(Costs.read(found, page), typical(sessions))
            lines.append(
                f"| {sessions:,} | {name} | {need['nodes']:,.0f} | {need['redis_cores']:.2f} "
                f"| {need['redis_shards']:.0f} | {need['redis_gib']:.2f} | {need['calls']:,.0f} "
                f"| {need['mbit']:,.0f} | {need['node_mib']:,.0f} |"
            )
    return "\n".join(lines)


def typical(sessions: int) -> Load:
    """Return what users do in the document: an event every ten seconds, a new page every ten minutes.

    Of a thousand such sessions on a node a quarter sleep between two events, measured: a node lets more stay
    awake while rebuilding takes more than a fiftieth of its time.
    """
    return Load(sessions, events_per_second=0.1, opened_per_second=1 / 600, asleep=0.25)


def check_table(found: dict[str, Any]) -> str:
    """Return predictions beside what was measured."""
    predicted, measured = Cost(**found["mixed"]["predicted"]), Cost(**found["mixed"]["measured"])
    rows = [
        ("node processor, s", predicted.node_seconds, measured.node_seconds),
        ("Redis processor, s", predicted.redis_seconds, measured.redis_seconds),
        ("Redis calls", predicted.redis_calls, measured.redis_calls),
        ("bytes to and from Redis", predicted.redis_bytes, measured.redis_bytes),
    ]
    lines = ["| two nodes, mixed load | predicted | measured | measured / predicted |", "|---|---|---|---|"]
    lines += [f"| {name} | {a:,.2f} | {b:,.2f} | {b / a:.2f} |" for name, a, b in rows]
    return "\n".join(lines)


TABLES = {"costs": costs_table, "check": check_table, "plans": plans_table}


def with_tables(text: str, found: dict[str, Any]) -> str:
    """Return the document with its tables as the figures say."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table(found)}\n{end}{rest.partition(end)[2]}"
    return text


def write_tables(found: dict[str, Any]) -> None:
    """Write the tables into the document."""
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), found))
