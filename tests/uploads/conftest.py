"""A Valkey, and two nodes, for all of this folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.fleet import Fleet
from tests.servers import running
from tests.uploads.site import APP, LIMIT, Site

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url


@pytest.fixture(scope="package")
def nodes(valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("uploads")
    env = {"FLET_UPLOAD_DIR": str(folder), "FLET_MAX_UPLOAD_SIZE": str(LIMIT)}
    fleet = Fleet(APP, valkey, tmp_path_factory.mktemp("fleet"), env)
    try:
        for node in [fleet.spawn() for _ in range(2)]:
            fleet.wait_ready(node)
        yield Site(fleet, folder)
        assert "Traceback" not in fleet.logs()
    finally:
        fleet.stop()


@pytest.fixture
def site(nodes: Site) -> Site:
    """The nodes, with nothing uploaded."""
    for path in nodes.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return nodes
