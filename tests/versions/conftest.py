"""Fleets whose nodes run different versions of one app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Marks, Records, seconds
from tests.fleet import Fleet
from tests.servers import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fleet import FleetNode

SHOP = Path(__file__).with_name("shop.py").read_text()
NEXT = SHOP.replace("Version: 1", "Version: 2").replace("main 1", "main 2")

VERSIONS = {
    "old": SHOP,
    "changed": NEXT.replace("count += 1", "count += 10").replace("tax: int = 1", "tax: int = 2"),
    "more": NEXT + "\n\ndef unused() -> None:\n    print('no session refers to this')\n",
}
"""``changed``: a session of ``old`` cannot go on as it is; with ``more`` it can."""


@dataclass
class Deployment:
    """A fleet, and the folder where the versions of its app are."""

    fleet: Fleet
    marks: Marks
    records: Records

    def add(self, version: str, **env: str) -> FleetNode:
        """Start one more node with a version of the app."""
        self.fleet.target = str(self.fleet.folder / version / "shop.py")
        return self.fleet.add(**env)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url


@pytest.fixture
def deployment(valkey: str, tmp_path: Path) -> Iterator[Deployment]:
    for name, text in VERSIONS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "shop.py").write_text(text)
    marks = Marks(tmp_path / "marks.jsonl")
    env = {
        **marks.env,
        "FLET_CLUSTER_METRICS": "true",
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(2),
    }
    fleet = Fleet("", valkey, tmp_path, env)
    yield Deployment(fleet, marks, Records(fleet))
    fleet.stop()
    logs = fleet.logs()
    print(logs)
    assert "Traceback" not in logs
