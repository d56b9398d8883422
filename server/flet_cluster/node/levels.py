"""What can be read off a node at any moment: the levels of its metrics (layer 3).

They are read in another thread, while the loop goes on or is stuck: each reading takes a copy of what it
looks through, and asks nothing of anybody.
"""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

Levels = dict[tuple[str, ...], float]

STATES = ("connected", "relayed", "disconnected")
"""Where a session's user is: at a socket here, at one of another node, or nowhere just now."""
OBJECTS = ("awake", "asleep")
"""Whether a session's objects are in memory."""


def show_levels(node: Node) -> None:
    """Let the node's observer read its levels from now on."""
    observer, life = node.observer, node.host.life
    observer.levels("sessions", ("state", "objects"), lambda: census(list(node.seats.values())))
    observer.levels("build_info", ("version", "flet", "python"), lambda: {_build(): 1})
    observer.levels("node_info", ("node", "version"), lambda: {(node.id, node.version): 1})
    observer.gauge("sockets", lambda: len(node.sockets) - node.relays.held)
    observer.gauge("heartbeat_age_seconds", lambda: life.age)
    observer.gauge("draining", lambda: node.draining)


def census(seats: list[Seat]) -> Levels:
    """Count sessions by where their users are and whether their objects are in memory."""
    found: Levels = dict.fromkeys(product(STATES, OBJECTS), 0)
    for seat in seats:
        socket = seat.socket
        state = "disconnected" if socket is None else "relayed" if socket.relayed else "connected"
        found[state, "asleep" if seat.live is None else "awake"] += 1
    return found


@cache
def _build() -> tuple[str, ...]:
    return version("flet-cluster"), version("flet"), platform.python_version()
