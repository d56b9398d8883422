"""A node for each module, in each mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fleet import fleet
from tests.handlers.tools import KINDS, Kinds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    """More environment for the node; a module overrides this."""
    return {}


@pytest.fixture(scope="module", params=["thread", "loop"])
def kinds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, options: Mapping[str, str]
) -> Iterator[Kinds]:
    """A node without Redis, in each mode."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "notes").touch()
    (folder / "gate").mkdir()
    environment = {"NOTES": str(folder / "notes"), "GATE": str(folder / "gate"), **options}
    with fleet(
        KINDS, "", 1, FLET_CLUSTER_SYNC_HANDLERS=request.param, FLET_CLUSTER_METRICS="true", **environment
    ) as nodes:
        yield Kinds(nodes, folder, request.param)
