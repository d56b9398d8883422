"""The image, as far as that goes without a container engine; see also what the compose file's nodes run."""

from __future__ import annotations

import http.server
import itertools
import os
import re
import subprocess
import sys
import sysconfig
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from packaging.requirements import Requirement
from tests.infra.dockerfile import PATH, ROOT, build, can_build, instructions, words_of
from tests.shell.running import eventually, free_port

from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from tests.infra.dockerfile import Stage

DOCKER = ROOT / "infra" / "docker"
APP = """\
import flet as ft

def main(page):
    page.add(ft.Text("hello"))

ft.run(main)
"""
ALL = pytest.mark.skipif(
    not os.environ.get("TEST_IMAGE"), reason="takes minutes: make soak, or TEST_IMAGE=1 as root on Linux"
)


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    files = [str(DOCKER / "Dockerfile"), str(DOCKER / "Dockerfile.app")]
    done = subprocess.run([hadolint, "--no-color", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_pinned_is_what_the_package_needs() -> None:
    pinned = dict(
        re.findall(r"^([\w.-]+)==([^ ;]+)", (DOCKER / "requirements.txt").read_text(), re.MULTILINE)
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [project["optional-dependencies"][name] for name in ("s3", "cloudwatch", "dashboard", "otel")]
    for text in [*project["dependencies"], *itertools.chain(*extras)]:
        needed = Requirement(text)
        assert needed.name in pinned, f"{needed.name}: run infra/docker/lock.sh"
        assert needed.specifier.contains(pinned[needed.name]), f"{text}: run infra/docker/lock.sh --upgrade"


def test_everything_that_is_pinned_has_a_hash() -> None:
    for name in ("requirements.txt", "requirements-build.txt"):
        text = (DOCKER / name).read_text().replace("\\\n", "")
        assert all("--hash=sha256:" in line for line in text.splitlines())
        assert "://" not in text.replace("httpx", "").replace("httpcore", "").replace("httptools", "")


def test_the_image_sets_what_there_is_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    (variables,) = [rest for word, rest in instructions(DOCKER / "Dockerfile") if word == "ENV"]
    for name, value in re.findall(r"(FLET_CLUSTER_\w+)=(\S+)", variables):
        assert name.removeprefix("FLET_CLUSTER_").lower() in Settings.model_fields
        monkeypatch.setenv(name, value)
    Settings.load({})


def test_the_image_says_what_it_is_and_is_nobodys_root() -> None:
    said = dict(instructions(DOCKER / "Dockerfile"))
    assert said["USER"] == "10001:10001"
    assert said["STOPSIGNAL"] == "SIGTERM"
    assert said["LABEL"].count("org.opencontainers.image.") == 5
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    text = (DOCKER / "Dockerfile").read_text()
    assert f"ARG VERSION={version}\n" in text
    assert f"flet-cluster:{version}" in (DOCKER / "Dockerfile.app").read_text()


def test_the_build_gets_what_it_copies_and_no_more() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for word, rest in instructions(DOCKER / "Dockerfile"):
        if word == "COPY" and "--from" not in rest:
            for name in rest.split()[:-1]:
                assert (ROOT / name).exists()
                assert any(name == entry or name.startswith(f"{entry}/") for entry in kept), name
    assert set(kept) == {"infra", "infra/docker", "server", "pyproject.toml", "README.md", "LICENSE"}


@pytest.mark.parametrize("management", ["off", "0", "none"])
def test_a_node_without_a_management_port_is_asked_where_its_app_is(management: str) -> None:
    asked: list[str] = []

    class Node(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *words: Any) -> None: ...  # noqa: A002  its name there

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Node) as node:
        threading.Thread(target=node.serve_forever).start()
        env = {"FLET_CLUSTER_PORT": str(node.server_port), "FLET_CLUSTER_MANAGEMENT_PORT": management}
        check = [sys.executable, "-S", str(DOCKER / "healthcheck.py")]
        done = subprocess.run(check, env=env, capture_output=True, text=True, check=False)
        node.shutdown()
    assert (done.returncode, done.stderr, asked) == (0, "", ["/healthz"])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    if not can_build():
        pytest.skip("needs root on Linux, and overlayfs")
    folder = tmp_path_factory.mktemp("image")
    folder.parent.parent.chmod(0o755)
    app = folder / "my-app"
    (app / "assets").mkdir(parents=True)
    (app / "assets" / "words.txt").write_text("words " * 10000)
    (app / "main.py").write_text(APP)
    (app / "requirements.txt").write_text("")
    base = build(DOCKER / "Dockerfile", folder)
    return build(DOCKER / "Dockerfile.app", folder, base, app)


@ALL
@pytest.mark.timeout(1200)
def test_an_app_on_the_image_serves_and_is_healthy(image: Stage) -> None:
    user = image.config["USER"]
    port, management = free_port(), free_port()
    more = {"FLET_CLUSTER_PORT": f"{port}", "FLET_CLUSTER_MANAGEMENT_PORT": f"{management}"}
    env = {"PATH": PATH, **image.env, **more}
    check = image.command(words_of(image.config["HEALTHCHECK"]), user=user, read_only=True)
    command = image.command(words_of(image.config["CMD"]), user=user, read_only=True)
    log = image.folder / "log"
    with log.open("wb") as output:
        node = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        assert subprocess.run(check, env=env, check=False, capture_output=True).returncode == 1
        eventually(lambda: "memory" in log.read_text() or node.poll() is not None, "it serves")
        assert subprocess.run(check, env=env, check=False).returncode == 0, log.read_text()
        page = httpx.get(f"http://127.0.0.1:{port}/main.dart.js", headers={"Accept-Encoding": "br"})
        assert page.headers["content-encoding"] == "br"
        words = httpx.get(f"http://127.0.0.1:{port}/words.txt", headers={"Accept-Encoding": "br"})
        assert words.headers["content-encoding"] == "br"
        assert "less well" not in log.read_text()  # what the image brings is used
    finally:
        node.terminate()
        assert node.wait(40) == 0
    assert sys.version_info[:2] == (3, 11)  # that of the image
