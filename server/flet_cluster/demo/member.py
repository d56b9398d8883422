"""One node of the demo's cluster (layer 5)."""

from __future__ import annotations

import enum
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flet_cluster.demo.child import answer

if TYPE_CHECKING:
    from flet_cluster.demo.child import Child

START_SECONDS = 60.0
_OK = 200


class Phase(enum.StrEnum):
    """What a node is doing, as far as this end knows."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    KILLED = "killed"
    ENDED = "ended"


@dataclass(slots=True, eq=False)
class Member:
    """A node.

    Attributes:
        number: what people call it, from 1 to 9; one that has ended may give it to another.
        port: where it serves, on loopback.
        child: its process.
        phase: what it is doing.
    """

    number: int
    port: int
    child: Child
    phase: Phase = field(default=Phase.STARTING)

    @property
    def pid(self) -> int:
        """Id of its process."""
        return self.child.process.pid

    @property
    def lives(self) -> bool:
        """Whether it has not ended, and was not killed."""
        return self.phase is not Phase.KILLED and self.child.runs

    async def serves(self) -> bool:
        """Whether it takes visitors."""
        return (await answer(self.port, "/readyz"))[0] == _OK

    def kill(self) -> None:
        """End it as a power cut would."""
        self.phase = Phase.KILLED
        self.child.signal(signal.SIGKILL)

    def drain(self) -> None:
        """Have it hand over its sessions and leave."""
        self.phase = Phase.DRAINING
        self.child.signal(signal.SIGTERM)
