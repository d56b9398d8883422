"""The alert rules and the dashboard, as they are delivered."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
RULES = ROOT / "infra/prometheus/alerts.yml"
DASHBOARD = ROOT / "infra/grafana/dashboards/flet-cluster.json"
PAGE = ROOT / "docs/alerts.md"
VARIABLES = {"$app": ".*", "$job": ".*", "$instance": ".*", "$__rate_interval": "30s"}


def rules() -> list[dict[str, Any]]:
    """Return all rules."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def shortened(waits: str) -> dict[str, Any]:
    """Return the file with every ``for`` replaced, and nothing else."""
    content: dict[str, Any] = copy.deepcopy(yaml.safe_load(RULES.read_text()))
    for rule in content["groups"][0]["rules"]:
        if "for" in rule:
            rule["for"] = waits
    return content


def panels() -> Iterator[tuple[str, str]]:
    """Go through the expressions of the dashboard, with what Grafana puts into them: panel, expression."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            yield panel["title"], expression
