"""Looking at a management port from outside."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

APP = str(Path(__file__).parent / "watched_app.py")
SECONDS = 20.0
"""How long an answer may take, on a machine that others use as well."""


class Watch:
    """A management port, found in the log of what serves it."""

    def __init__(self, log: str) -> None:
        found = re.search(r"management: (http://[^ ]+)/ ", log)
        assert found, log
        self.url = found[1]

    def get(self, path: str) -> httpx.Response:
        """Ask for something."""
        return httpx.get(self.url + path, timeout=SECONDS)

    def status(self, path: str) -> tuple[int, str]:
        """The answer of a check."""
        answer = self.get(path)
        return answer.status_code, answer.json()["status"]

    def series(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """All series; each may be there once, and each metric be described once."""
        found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        families = list(text_string_to_metric_families(self.get("/metrics").text))
        names = [family.name for family in families]
        assert len(names) == len(set(names)), names
        for family in families:
            assert family.type != "unknown", family
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in found, key
                found[key] = sample.value
        return found

    def value(self, name: str, **labels: str) -> float:
        """Sum of the series of a name that have these labels."""
        wanted = set(labels.items())
        return sum(value for (one, given), value in self.series().items() if one == name and wanted <= given)

    def processes(self) -> set[str]:
        """Who is counted."""
        return {dict(labels)["process"] for (_, labels) in self.series()}
