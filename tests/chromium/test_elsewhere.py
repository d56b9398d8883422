"""A user whose session is at another node than his socket, and one whose app was replaced under him."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.chromium.balancer import balanced
from tests.chromium.wire import wire_to
from tests.cluster.tools import metric
from tests.fleet import Fleet
from tests.relay.conftest import APP
from tests.shell.running import eventually
from tests.versions.conftest import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.chromium.conftest import Start
    from tests.chromium.screen import Screen


@pytest.fixture
def options(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "marks").touch()
    return {"MARKS": str(tmp_path / "marks"), "STEP": "0.4", "FLET_CLUSTER_METRICS": "true"}


def test_progress_goes_on_through_another_node(start: Start, screen: Screen) -> None:
    site = start(APP)
    with wire_to(site.balancer.port) as wire:
        screen.open(wire.url, "Count: 0")
        screen.click("work")
        screen.shows("Step: 1")
        screen.forget()
        wire.hang()
        screen.click("plus")  # before the page knows
        screen.shows("Count: 1")
        relayed = eventually(
            lambda: sum(metric(node, "relays_started", role="front") for node in site.fleet.nodes), "a relay"
        )
        assert relayed >= 1
        screen.shows("Step: 20")
        screen.click("plus")
        screen.shows("Count: 2")
        screen.resumed(1)
        screen.noticed_nothing()


@pytest.fixture
def two_versions(valkey: str, tmp_path: Path, options: Mapping[str, str]) -> Iterator[Fleet]:
    fleet = Fleet("", valkey, tmp_path, options)
    for version in ("old", "changed"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "shop.py").write_text(VERSIONS[version])
        fleet.target = str(tmp_path / version / "shop.py")
        fleet.add()
    yield fleet
    fleet.stop()


def test_a_replaced_app_is_loaded_anew_and_keeps_its_store(
    two_versions: Fleet, screen: Screen, tmp_path: Path
) -> None:
    with balanced(two_versions.nodes, tmp_path) as balancer:
        screen.open(balancer.url, "Count: 0")
        screen.click("plus")
        screen.shows("Total: 1")
        screen.forget()
        assert balancer.holder().terminate() == 0  # the other node has other code
        screen.settle_after_reset()
        screen.was_told("the app was updated")
        screen.shows("Kept: 1 None None", "News: restarted without []")
        screen.click("plus")
        screen.shows("Total: 2")
