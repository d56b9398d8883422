"""What a session is given to do, and what it has started (layer 3; imports no Flet).

``rx`` is the highest input that was *started* (I3). Inputs start in the order of their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["register", "event", "props", "reply", "deliver"]


@dataclass(slots=True)
class Input:
    """One thing to do, in order.

    Attributes:
        kind: a registration, a control's event, changed properties, a client call's answer, a message.
        seq: number of the browser's input; 0 for what the node itself caused.
        body: decoded message body, or (handler, arguments) of a delivery.
        client: for a registration: what the handshake said.
        instance: the page load that gave it its number.
    """

    kind: Kind
    seq: int
    body: Any
    client: Any = None
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """An input whose handler has started and not finished; travels in each commit.

    Attributes:
        key: the same for every delivery of this event: an idempotency key.
        what: which handler, for people: ``Button(12).on_click``.
    """

    seq: int
    key: str
    what: str


@dataclass(slots=True)
class Progress:
    """How far the inputs of one page instance have come; ``running`` outlives a reload of the page."""

    rx: int = 0
    accepted: int = 0
    running: dict[str, Started] = field(default_factory=dict)

    def accept(self, seq: int) -> bool:
        """Take an input in; False if it was taken before."""
        if seq <= self.accepted:
            return False
        self.accepted = seq
        return True

    def start(self, seq: int) -> None:
        """An input starts; 0 is none of the browser's."""
        self.rx = max(self.rx, seq)

    def restart(self) -> None:
        """The page was loaded anew: its inputs are numbered from 1 again."""
        self.rx = self.accepted = 0
