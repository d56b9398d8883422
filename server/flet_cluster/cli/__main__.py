"""``python -m flet_cluster.cli`` (layer 5)."""

from __future__ import annotations

from flet_cluster.cli.app import main

if __name__ == "__main__":
    main()
