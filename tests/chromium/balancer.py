"""haproxy as an operator would set it up: round robin, no stickiness, health checks on /readyz."""

from __future__ import annotations

import contextlib
import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.haproxy import DEFAULTS, ask, haproxy
from tests.shell.running import eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.fleet import FleetNode

_CONFIG = f"""\
global
    stats socket {{stats}} mode 600 level admin

{DEFAULTS}    retries 3
    option redispatch

frontend web
    bind 127.0.0.1:{{port}}
    default_backend nodes

backend nodes
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 200ms fall 1 rise 1
{{servers}}
"""


@dataclass(frozen=True)
class Balancer:
    """A running haproxy in front of some nodes.

    Attributes:
        port: where browsers connect.
        down: refuses every browser while the nodes go on.
    """

    port: int
    nodes: Sequence[FleetNode]
    stats: Path

    @property
    def url(self) -> str:
        """The app's address."""
        return f"http://127.0.0.1:{self.port}/"

    def holders(self) -> list[FleetNode]:
        """The nodes that have a browser's websocket now."""
        rows = [row for row in self._rows() if row["svname"].startswith("node")]
        return [
            node for node, row in zip(self.nodes, rows, strict=True) if row["scur"] != "0" and row["status"]
        ]

    def holder(self) -> FleetNode:
        """The node with the only websocket there is."""
        found: list[FleetNode] = eventually(
            lambda: nodes if len(nodes := self.holders()) == 1 else None, "one node has the socket"
        )
        return found[0]

    def received(self) -> int:
        """Bytes that browsers have sent to the nodes in requests that have ended."""
        (all_nodes,) = (row for row in self._rows() if row["svname"] == "BACKEND")
        return int(all_nodes["bin"])

    def send_all_to(self, node: FleetNode) -> None:
        """From now on new requests go to this node only; open connections stay where they are."""
        for i, other in enumerate(self.nodes):
            self._ask(f"set server nodes/node{i} state {'ready' if other is node else 'drain'}")

    def send_to_all(self) -> None:
        """Share requests out again."""
        for i in range(len(self.nodes)):
            self._ask(f"set server nodes/node{i} state ready")

    def ready(self) -> int:
        """How many nodes get new visitors."""
        return sum(row["status"].startswith("UP") for row in self._rows() if row["svname"].startswith("node"))

    def leave_out(self, node: FleetNode) -> None:
        """Send nobody to a node any more."""
        self._ask(f"set server nodes/node{list(self.nodes).index(node)} state maint")

    def refuse(self) -> None:
        """From now on no new connection is answered, and the present ones are cut."""
        self._ask("disable frontend web")
        for name in [f"node{i}" for i in range(len(self.nodes))]:
            self._ask(f"shutdown sessions server nodes/{name}")

    def give_nothing_to(self, nodes: Sequence[FleetNode], *, again: bool = False) -> None:
        """Let these nodes get no new request, or let them get some again; what they have goes on."""
        for number, node in enumerate(self.nodes):
            if node in nodes:
                self._ask(f"set server nodes/node{number} state {'ready' if again else 'maint'}")

    def accept(self) -> None:
        """Serve again."""
        self._ask("enable frontend web")

    def _rows(self) -> list[dict[str, str]]:
        text = ask(self.stats, "show stat").removeprefix("# ")
        return [row for row in csv.DictReader(text.splitlines()) if row["pxname"] == "nodes"]

    def _ask(self, command: str) -> None:
        ask(self.stats, command)


@contextlib.contextmanager
def balanced(nodes: Sequence[FleetNode], folder: Path) -> Iterator[Balancer]:
    """Run haproxy in front of nodes that serve already."""
    balancer = Balancer(free_port(), nodes, folder / "stats")
    servers = "\n".join(f"    server node{i} 127.0.0.1:{node.port}" for i, node in enumerate(nodes))
    config = _CONFIG.format(stats=balancer.stats, port=balancer.port, servers=servers)
    with haproxy(folder, config, balancer.stats.exists):
        eventually(lambda: balancer.ready() == len(nodes), "haproxy finds the nodes ready")
        yield balancer
