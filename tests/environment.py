"""The environment of processes that tests start."""

from __future__ import annotations

import os

NO_MANAGEMENT_PORT = {"FLET_CLUSTER_MANAGEMENT_PORT": "off"}
"""Many of them run on one machine at the same time, where there is one such port."""


def without_settings() -> dict[str, str]:
    """This process's environment without Flet's variables and ours, but for what lets tests run together."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLET_")}
    return kept | NO_MANAGEMENT_PORT
