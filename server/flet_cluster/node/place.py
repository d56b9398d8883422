"""What this process is, for operators, and how it is asked to leave (layer 3).

Who starts the process may say more: the server which address it has, the supervisor's worker how to leave.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def _terminate() -> None:
    """Leave as when whoever runs this process asks for it: every server drains on this signal."""
    os.kill(os.getpid(), signal.SIGTERM)


@dataclass(slots=True)
class Place:
    """A process.

    Attributes:
        address: host and port, or the path of a socket, that it listens on; "" when it is not known.
        leave: asks it to leave.
    """

    address: str = ""
    leave: Callable[[], None] = _terminate
    started: float = field(default_factory=time.time)

    def facts(self) -> dict[str, Any]:
        """Return what stays the same as long as the process lives."""
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "package": version("flet-cluster"),
            "started": self.started,
        }


HERE = Place()
"""The one of this process; a process may have several nodes, and they leave together."""
