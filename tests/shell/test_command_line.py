"""The command itself: its help, its errors, its exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.shell.running import APP, LONG

if TYPE_CHECKING:
    from pathlib import Path


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLET_")}
    return subprocess.run(
        [sys.executable, "-m", "flet_cluster.cli", *arguments],
        cwd=folder,
        env={**environment, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


def test_help_names_every_option(tmp_path: Path) -> None:
    done = command(tmp_path, "run", "--help")
    assert done.returncode == 0
    options = "host port uds proxy-path workers reload redis-url app-name assets log-level web no-browser"
    tls = "certfile keyfile keyfile-password ca-certs cert-reqs ciphers"
    for option in (*(f"--{name}" for name in options.split()), *(f"--ssl-{name}" for name in tls.split())):
        assert option in done.stdout


def test_version(tmp_path: Path) -> None:
    done = command(tmp_path, "--version")
    assert done.stdout.startswith("flet-cluster 0.")
    assert "flet 1." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("run", "missing.py"), 1, "Error: There is no file missing.py"),
        (("run", "app.py", "--port", "70000"), 2, "Error: --port = 70000"),
        (("run", "app.py", "--redis-url", "redis://cache/0"), 2, "but no secret key"),
        (("run", "app.py", "--workers", "0"), 2, "--workers = 0"),
        (("run", "missing.py", "--reload"), 1, "Error: There is no file missing.py"),
        (("run", "app.py", "--assets", "/nope"), 2, "Error: --assets = '/nope': there is no such folder"),
        (("run",), 2, "target"),
    ],
)
def test_errors_are_one_message(tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    (tmp_path / "app.py").write_text(APP)
    done = command(tmp_path, *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
