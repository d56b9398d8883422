"""The command line: turns options into settings and errors into messages; a file for each group (layer 5)."""

from __future__ import annotations

from flet_cluster.cli.app import main

__all__ = ["main"]
