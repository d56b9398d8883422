"""The command itself: its help, its errors, its exit codes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.environment import without_settings
from tests.shell.running import APP, LONG

if TYPE_CHECKING:
    from pathlib import Path


def command(folder: Path, *arguments: str, web: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = without_settings()
    if web is not None:
        environment["FLET_WEB_PATH"] = str(web)  # another web client than Flet's
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


def test_the_client_is_compressed_ahead(tmp_path: Path) -> None:
    """At image build; a node finds the folder complete, and may not be allowed to write there."""
    web, assets, cache = tmp_path / "web", tmp_path / "assets", tmp_path / "cache"
    for folder, name in ((web, "main.dart.js"), (assets, "prices.json")):
        folder.mkdir()
        (folder / name).write_text("a line of text\n" * 5000)
    (assets / "prices.json").write_text("another line\n" * 5000)
    (assets / "photo.png").write_bytes(bytes(5000))
    arguments = ("precompress", "--cache-dir", str(cache), "--assets", str(assets))
    done = command(tmp_path, *arguments, web=web)
    again = command(tmp_path, *arguments, web=web)
    assert (done.returncode, again.returncode) == (0, 0)
    assert done.stdout == f"4 compressed files were added to {cache}\n"
    assert again.stdout.startswith("0 compressed files")
    assert sorted({path.suffix for path in cache.iterdir()}) == [".br", ".gzip"]
    assert cache.stat().st_mode & 0o777 == 0o755, "the image's user may be another one"
    refused = command(tmp_path, "precompress", "--cache-dir", "/dev/null/none", web=web)
    assert refused.returncode == 1
    assert "Error: /dev/null/none cannot be filled" in refused.stderr
    assert "--cache-dir" in refused.stderr
    assert "Traceback" not in refused.stderr


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
