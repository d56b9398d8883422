"""Every Flet 1.x release that installs: the host's assumptions hold, and a session survives its node.

Each release is installed once into a folder of its own (``.cache/flet/VERSION``), without its dependencies,
and put first on the path of the processes under test.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fleet import fleet
from tests.scripts import SCRIPTS
from tests.servers import running
from tests.tab import open_tab

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "flet"
RELEASES = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5")
APPS = ("counter", "declarative_todo", "dialogs")


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """One release: its version and the folder it is installed in."""
    version = str(request.param)
    folder = CACHE / version
    if not (folder / "flet").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--target", str(folder), f"flet=={version}"]
        subprocess.run([*pip, *options], check=True)
    return version, folder


def test_the_host_knows_the_release(release: tuple[str, Path]) -> None:
    version, folder = release
    code = (
        "import flet.version, flet_cluster.host.internals as i; print(flet.version.__version__, i.missing())"
    )
    path = os.pathsep.join([str(folder), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{version} []"


@pytest.mark.parametrize("app", APPS)
def test_a_session_survives_its_node(release: tuple[str, Path], app: str) -> None:
    _, folder = release
    path = os.pathsep.join([str(folder), str(ROOT)])
    with running("valkey") as url, fleet(f"tests/apps/{app}.py", url, 2, PYTHONPATH=path) as nodes:

        async def play() -> list[bytes]:
            async with open_tab(lambda: nodes.urls) as tab:
                packets = [await tab.do(step) for step in SCRIPTS[app].steps[:2]]
                assert nodes.node(tab.node).kill() == -9
                packets += [await tab.do(step) for step in SCRIPTS[app].steps[2:]]
                assert tab.resumes == 1
                for expectation in SCRIPTS[app].expect:
                    expectation.check(tab.client)
                return [packet for some in packets for packet in some]

        assert asyncio.run(play())
