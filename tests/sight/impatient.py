"""``flet-cluster`` that takes an event loop for stuck after a second in place of half a minute."""

from __future__ import annotations

from flet_cluster.cli import main
from flet_cluster.node import node

vars(node)["STUCK_SECONDS"] = 1.0

if __name__ == "__main__":
    main()
