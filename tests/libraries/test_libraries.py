"""Clients, engines, connections, files, figures, frames, models: from one process to another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.libraries import shelf

ROOT = Path(__file__).parents[2]
PROXIED = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9"}
"""An environment that a client must not look into if it was made not to."""
Outcome = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What went wrong in each half, by thing."""
    folder = tmp_path_factory.mktemp("shelf")
    halves: Outcome = {}
    for half in ("capture", "restore"):
        command = [sys.executable, "-m", "tests.libraries.shelf", half, str(folder)]
        done = subprocess.run(
            command, cwd=ROOT, env=PROXIED, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        halves[half] = json.loads((folder / f"{half}.json").read_text())
    return halves


@pytest.mark.parametrize("name", shelf.MAKE)
def test_travels_to_another_process_and_works_there(outcome: Outcome, name: str) -> None:
    assert not outcome["capture"][name]
    assert not outcome["restore"][name]


@pytest.mark.parametrize("name", shelf.REFUSE)
def test_an_obstacle_names_the_way_to_it_and_what_to_do(outcome: Outcome, name: str) -> None:
    assert not outcome["capture"][name]


LIBRARIES = {"httpx", "requests", "sqlalchemy", "matplotlib", "PIL", "pandas", "redis"}


def test_nothing_of_these_libraries_is_imported_for_apps_that_do_not() -> None:
    program = f"import sys, flet_cluster.snapshot; sys.exit(str(sys.modules.keys() & {LIBRARIES} or '') or 0)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
