"""A Valkey for all cluster tests, and a fleet of the probe for each module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import PROBE, Marks, World, watched
from tests.fleet import fleet
from tests.servers import running

from flet_cluster.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.fleet import Fleet


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A server of one module's own, which it may kill, empty, or give other rules."""
    with EmbeddedServer() as server:
        yield server


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    """Environment of all nodes of the module; a module overrides this."""
    return {}


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Marks:
    return Marks(tmp_path_factory.mktemp("marks") / "marks.jsonl")


@pytest.fixture(scope="module")
def nodes(valkey: str, options: Mapping[str, str], marks: Marks) -> Iterator[Fleet]:
    with fleet(PROBE, valkey, 2, **marks.env, **options) as running_nodes:
        yield running_nodes


@pytest.fixture
def world(nodes: Fleet, marks: Marks, request: pytest.FixtureRequest) -> Iterator[World]:
    """The module's fleet, for one test; a traceback in any log fails it."""
    yield from watched(nodes, marks, request)
