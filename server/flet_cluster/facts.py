"""What can be read of a cluster without a key (layer 0: imports the standard library only).

For operators and dashboards; nothing here decides who may write a session. Times are seconds since the Unix
epoch by the store's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flet_cluster.model import MainState

NOTE_LENGTH = 120
"""Characters of a note's detail; the rest is cut."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened to a session on its node, on its way into the session's life.

    Attributes:
        kind: one word.
        node: where.
        detail: more about it.
        ago: how long ago it happened, seconds.
    """

    kind: str
    node: str = ""
    detail: str = ""
    ago: float = 0.0


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """A turn in a session's life.

    Attributes:
        at: when.
        kind: ``created``, ``taken`` (from the store), ``seized`` (by force; ``detail``: from which node),
            ``released``, ``refilled`` (the store had lost it), ``ended`` (``detail``: why); or that of a
            :class:`Note`. More may come.
        node: the node that did it; "" if none did.
    """

    at: float
    kind: str
    node: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a record says without a key.

    Attributes:
        created: when the session began; 0 if the store has lost that.
        seen: when its user was last known to be connected; a few seconds late at most.
        written: when it was last written, or its user's presence noted.
        commits: how many there were.
        meta: what :class:`flet_cluster.node.vault.Meta` reads.
        snapshot: sealed bytes of its state; 0 when it cannot travel.
        tail: sealed bytes of output that the browser has not acknowledged.
        mail: whether something waits in its inbox.
    """

    session_id: str
    owner: str
    epoch: int
    created: float
    seen: float
    written: float
    deadline: float
    commits: int
    instance: str
    rx: int
    tx: int
    main: MainState
    meta: str
    snapshot: int
    tail: int
    mail: bool


@dataclass(frozen=True, slots=True)
class SketchPage:
    """Some of the sessions.

    Attributes:
        sketches: in no order. Over all pages each session that is there all the time comes once or more.
        cursor: where to go on; "" at the end.
        now: the time by the store's clock.
    """

    sketches: tuple[Sketch, ...]
    cursor: str
    now: float


@dataclass(frozen=True, slots=True)
class Story:
    """One session, from its beginning.

    Attributes:
        sketch: None when it has ended.
        events: the first, and the latest; a repetition may be in it twice.
        now: the time by the store's clock.
    """

    sketch: Sketch | None
    events: tuple[LifeEvent, ...]
    now: float

    @property
    def ended(self) -> bool:
        """Whether it was closed for good."""
        return self.sketch is None


@dataclass(frozen=True, slots=True)
class Sample:
    """A node's figures at one time: what :attr:`flet_cluster.model.NodeInfo.extra` calls ``figures``."""

    at: float
    node_id: str
    figures: dict[str, float] = field(default_factory=dict)
