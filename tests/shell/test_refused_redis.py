"""A Redis that refuses this node: one message with place, cause and next step, and no second attempt."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.environment import without_settings
from tests.servers import command
from tests.shell.running import APP, LONG

from flet_cluster.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "geheimnis"
WRONG = "falsches-wort"
CLOSED = ("CONFIG", "SET", "requirepass", PASSWORD)
NO_SCRIPTS = ("ACL", "SETUSER", "app", "on", f">{PASSWORD}", "~*", "&*", "+@all", "-@scripting")
NO_CHANNELS = ("ACL", "SETUSER", "app", "on", f">{PASSWORD}", "~*", "resetchannels", "+@all")
FULL = ("CONFIG", "SET", "maxmemory", "1")
REPLICA = ("REPLICAOF", "127.0.0.1", "1")


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@pytest.mark.parametrize(
    ("target", "call"),
    [
        ("app.py", 'flet_cluster.run(main, secret_key="a key of the script itself")'),
        ("app.py:app", 'app = flet_cluster.app(main, secret_key="a key of the script itself")'),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_key_may_be_in_the_script(tmp_path: Path, target: str, call: str, workers: int) -> None:
    """Then it is the Redis that is looked at."""
    (tmp_path / "app.py").write_text(f"import flet_cluster\n\ndef main(page):\n    pass\n\n{call}\n")
    environment = without_settings()
    options = ["--port", "0", "--workers", str(workers), "--redis-url", "redis://127.0.0.1:1/0"]
    done = subprocess.run(
        [sys.executable, "-m", "flet_cluster.cli", "run", target, *options],
        cwd=tmp_path,
        env={**environment, "FLET_CLUSTER_STORE_PATIENCE": "0.1"},
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 1
    assert "The Redis at 127.0.0.1:1" in done.stderr
    assert "secret key" not in done.stderr


def run(folder: Path, url: str, workers: int) -> subprocess.CompletedProcess[str]:
    """Run an app until it ends by itself."""
    (folder / "app.py").write_text(APP)
    environment = without_settings()
    options = ["--port", "0", "--workers", str(workers), "--redis-url", url]
    return subprocess.run(
        [sys.executable, "-m", "flet_cluster.cli", "run", "app.py", *options],
        cwd=folder,
        env={
            **environment,
            "FLET_SECRET_KEY": "a key of more than sixteen characters",
            "FLET_CLUSTER_STORE_PATIENCE": "0.3",
        },
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    ("setting", "user", "database", "words"),
    [
        pytest.param(CLOSED, f":{WRONG}@", 0, "refuses the user name or the password", id="wrong password"),
        pytest.param(CLOSED, "", 0, "wants a password, and its URL has none", id="no password"),
        pytest.param(("PING",), "", 99, "has no database of the number", id="database"),
        pytest.param(NO_SCRIPTS, f"app:{PASSWORD}@", 0, "ACL SETUSER NAME", id="scripts"),
        pytest.param(NO_CHANNELS, f"app:{PASSWORD}@", 0, "ACL SETUSER NAME", id="channels"),
    ],
)
def test_what_stays_so_is_said_once_and_not_tried_again(  # noqa: PLR0913, PLR0917  a table
    tmp_path: Path,
    server: EmbeddedServer,
    workers: int,
    setting: tuple[str, ...],
    user: str,
    database: int,
    words: str,
) -> None:
    command(server.port, *setting)
    done = run(tmp_path, f"redis://{user}127.0.0.1:{server.port}/{database}", workers)
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert output.count(words) == 1
    assert f"Error: The Redis at 127.0.0.1:{server.port} (--redis-url, FLET_CLUSTER_REDIS_URL)" in output
    assert "next one in" not in output
    for forbidden in ("Traceback", PASSWORD, WRONG):
        assert forbidden not in output


@pytest.mark.parametrize(
    ("setting", "words"), [(FULL, "has no memory left (OOM)"), (REPLICA, "is a replica (READONLY)")]
)
def test_what_may_pass_is_named_too(
    tmp_path: Path, server: EmbeddedServer, setting: tuple[str, ...], words: str
) -> None:
    command(server.port, *setting)
    done = run(tmp_path, server.url, 1)
    assert done.returncode == 1
    assert f"The Redis at 127.0.0.1:{server.port}" in done.stderr
    assert words in done.stderr
    assert "does not answer" not in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_there(tmp_path: Path) -> None:
    done = run(tmp_path, "redis://:sesam-oeffne@127.0.0.1:1/0", 1)
    assert done.returncode == 1
    assert "The Redis at 127.0.0.1:1 (--redis-url, FLET_CLUSTER_REDIS_URL) does not answer." in done.stderr
    assert "Traceback" not in done.stderr
    assert "sesam" not in done.stderr


def test_a_wrong_option_in_the_url(tmp_path: Path) -> None:
    done = run(tmp_path, "redis://127.0.0.1:1/0?socket_timeout=soon", 1)
    assert done.returncode == 1
    assert "an option of the store's URL is wrong" in done.stderr
    assert "Traceback" not in done.stderr
