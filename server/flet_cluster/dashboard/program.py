"""The dashboard as a program that a node can host (layer 4)."""

from __future__ import annotations

from pathlib import Path

from flet_cluster.dashboard.page import main
from flet_cluster.host.modules import PackagedApp
from flet_cluster.host.program import Program

_PACKAGE = "flet_cluster.dashboard"


def dashboard_program() -> Program:
    """Return the dashboard, ready to be hosted; its code is that of this package."""
    path = Path(__file__).with_name("page.py")
    return Program(
        main=main,
        before_main=None,
        name="dashboard",
        module=main.__module__,
        path=path,
        modules=PackagedApp(_PACKAGE, path.parent),
    )
