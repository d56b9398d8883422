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
from tests.oauth.conftest import Visitor
from tests.oauth.provider import NOWHERE, provider, sign_in
from tests.oauth.test_sign_in import begin, said
from tests.scripts import SCRIPTS
from tests.servers import running
from tests.shell.running import free_port
from tests.steps import Click
from tests.tab import open_tab

from flet_cluster.transport.binding import BrowserCookie

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


async def test_signing_in(release: tuple[str, Path], tmp_path: Path) -> None:
    """By the flow of this package, which stands on names that Flet does not promise."""
    version, folder = release
    path = os.pathsep.join([str(folder), str(ROOT)])
    marks = tmp_path / "marks"
    with (
        running("valkey") as url,
        provider(free_port(), NOWHERE) as issuer,
        fleet(
            "tests/oauth/kinds_app.py",
            url,
            1,
            PYTHONPATH=path,
            MARKS=str(marks),
            SAVED=str(marks),
            ISSUER=issuer,
            REDIRECT=NOWHERE,
        ) as nodes,
    ):
        cookie = BrowserCookie.at(nodes.app_name, "/").name
        visitor = Visitor(route=f"/{version}", cookie=f"{cookie}=mine")
        async with open_tab(lambda: nodes.urls, visitor) as tab:
            for kind, groups in (("openid", "staff,readers"), ("auth0", "")):
                visitor.opened.clear()
                answer = sign_in(await begin(tab, visitor, kind), "ada")
                assert (await visitor.visit(answer.at(nodes.nodes[0].port))).status_code == 200
                await said(tab, f"ada is Dr. ada of [{groups}] ")
            await tab.do(Click("who"))
            assert any(text.endswith("oauthlib: False") for text in tab.client.texts())
        assert "Traceback" not in nodes.logs()
