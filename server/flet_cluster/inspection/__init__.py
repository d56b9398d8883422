"""Reading a live cluster, and acting on it: for operators' commands and dashboards (layer 4)."""

from __future__ import annotations

from flet_cluster.facts import LifeEvent, Sample
from flet_cluster.inspection.facts import (
    Busy,
    Look,
    NodeFacts,
    SessionDetail,
    SessionFacts,
    SessionPage,
    State,
)
from flet_cluster.inspection.inspector import Inspector

__all__ = [
    "Busy",
    "Inspector",
    "LifeEvent",
    "Look",
    "NodeFacts",
    "Sample",
    "SessionDetail",
    "SessionFacts",
    "SessionPage",
    "State",
]
