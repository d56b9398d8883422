"""What an operator reads of nodes and sessions (layer 4: imports layers 0 to 3, no Flet).

Times are seconds since the Unix epoch by the store's clock; rates are per second, durations seconds, sizes
bytes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from flet_cluster.model import NOBODY
from flet_cluster.node.vault import Meta

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from flet_cluster.facts import LifeEvent, Sketch
    from flet_cluster.model import NodeInfo

SEEN_SECONDS = 40.0
"""Who was seen so long ago at most is connected: nodes note it every 15 seconds, if they are in time."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node, as it described itself with its last heartbeat.

    Attributes:
        address: what its process listens on; "" when it does not know.
        version: of the app's code.
        package: version of flet-cluster.
        sessions: those it holds; ``awake``: with their objects in memory; ``connected``: sockets of its own.
        events: a second.
        latency: of an event until its output is released, the median; ``latency_high``: of one in twenty.
        cpu: processors in use.
        memory: resident.
        lag: how long its event loop was late at most.
    """

    node_id: str
    host: str
    pid: int
    address: str
    version: str
    package: str
    started: float
    draining: bool
    sessions: int
    connected: int
    awake: int
    events: float
    latency: float
    latency_high: float
    cpu: float
    memory: int
    lag: float

    def age(self, now: float) -> float:
        """Return for how long the process has been there; 0 when that is not known."""
        return max(0.0, now - self.started) if self.started else 0.0

    @classmethod
    def of(cls, info: NodeInfo) -> Self:
        """Read a heartbeat; what a node of another release does not say is empty."""
        said, figures = info.extra, _figures(info.extra)
        return cls(
            info.node_id,
            host=str(said.get("host", "")),
            pid=int(said.get("pid", 0)),
            address=str(said.get("address", "")),
            version=info.version,
            package=str(said.get("package", "")),
            started=float(said.get("started", 0.0)),
            draining=info.draining,
            sessions=info.sessions,
            connected=info.connected,
            awake=int(figures.get("awake", 0)),
            events=figures.get("events", 0.0),
            latency=figures.get("latency", 0.0),
            latency_high=figures.get("latency_high", 0.0),
            cpu=figures.get("cpu", 0.0),
            memory=int(figures.get("memory", 0)),
            lag=figures.get("lag", 0.0),
        )


def _figures(said: Mapping[str, Any]) -> dict[str, float]:
    return dict(said.get("figures") or {})


class State(enum.StrEnum):
    """Where a session is."""

    CONNECTED = "connected"
    """A node holds it, and its user is there."""
    AWAY = "away"
    """A node holds it, and its user is not there."""
    ASLEEP = "asleep"
    """It is in the store only."""
    ORPHANED = "orphaned"
    """Its node is dead; the next one takes it."""
    EXPIRED = "expired"
    """Its deadline has passed; some node is about to close it."""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A session, as its record says without a key.

    Attributes:
        owner: the node that holds it; "" if none does.
        created: 0 if the store has lost that.
        seen: when its user was last known to be there; up to 15 seconds late.
        commits: how many there were.
        instance: of the page; "" for clients without ``resume.js``.
        main: ``pending``, ``running`` or ``done``.
        snapshot: size of its sealed state; 0 when it cannot travel.
        version: of the app's code.
        obstacle: why it cannot travel; "" when it can.
        background: calls that run in the background.
        subscribed: whether it hears pub/sub messages.
        mail: whether something waits in its inbox.
    """

    session_id: str
    state: State
    owner: str
    epoch: int
    created: float
    seen: float
    deadline: float
    commits: int
    instance: str
    main: str
    snapshot: int
    version: str
    obstacle: str
    background: int
    subscribed: bool
    mail: bool

    @classmethod
    def of(cls, sketch: Sketch, alive: Container[str], now: float) -> Self:
        """Read a record.

        Args:
            sketch: of the record.
            alive: ids of the nodes that live.
            now: by the store's clock.
        """
        meta = Meta.load(sketch.meta)
        return cls(
            sketch.session_id,
            _state(sketch, meta, alive, now),
            sketch.owner,
            sketch.epoch,
            created=sketch.created,
            seen=sketch.seen,
            deadline=sketch.deadline,
            commits=sketch.commits,
            instance=sketch.instance,
            main=sketch.main.value,
            snapshot=sketch.snapshot,
            version=meta.version,
            obstacle=meta.obstacle,
            background=meta.background,
            subscribed=meta.subscribed,
            mail=sketch.mail,
        )


def _state(sketch: Sketch, meta: Meta, alive: Container[str], now: float) -> State:
    if sketch.deadline <= now:
        return State.EXPIRED
    if sketch.owner == NOBODY:
        return State.ASLEEP
    if sketch.owner not in alive:
        return State.ORPHANED
    gone = meta.away or now - sketch.seen > SEEN_SECONDS
    return State.AWAY if gone else State.CONNECTED


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Some of the sessions.

    Attributes:
        cursor: where the next page begins; "" at the end.
        now: the time by the store's clock.
    """

    sessions: tuple[SessionFacts, ...]
    cursor: str
    now: float


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """One session and its life.

    Attributes:
        facts: None when it has ended.
        events: the first, and the latest.
        now: the time by the store's clock.
    """

    session_id: str
    facts: SessionFacts | None
    events: tuple[LifeEvent, ...]
    now: float

    @property
    def ended(self) -> bool:
        """Whether it was closed for good."""
        return self.facts is None


@dataclass(frozen=True, slots=True)
class Look:
    """What only the node that holds a session knows of it.

    Attributes:
        connected: whether its user's socket is there, or relayed to there.
        awake: whether its objects are in memory; the rest is known only if they are.
        route: of its page.
        ip: of its client, as the proxies in front say.
    """

    connected: bool
    awake: bool
    route: str = ""
    ip: str = ""
    user_agent: str = ""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Read a node's answer; a node of another release may say less or more."""
        return cls(
            connected=bool(said.get("connected")),
            awake=bool(said.get("awake")),
            route=str(said.get("route", "")),
            ip=str(said.get("ip", "")),
            user_agent=str(said.get("user_agent", "")),
        )


@dataclass(frozen=True, slots=True)
class Busy:
    """A session that does much.

    Attributes:
        commits: a second.
    """

    session_id: str
    node_id: str
    commits: float
