"""``flet-cluster check`` against real nodes: what it does, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.environment import without_settings
from tests.fleet import fleet
from tests.servers import running
from tests.shell.running import LONG, free_port
from websockets.asyncio.server import ServerConnection, serve

from flet_cluster.checking import check, socket_url
from flet_cluster.errors import CheckFailed, SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.fleet import Fleet

APP = "tests/bench/app.py"


@pytest.fixture(scope="module")
def one() -> Iterator[Fleet]:
    with running("valkey") as url, fleet(APP, url, 1) as nodes:
        yield nodes


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    kept = without_settings()
    words = [sys.executable, "-m", "flet_cluster.cli", "check", *arguments]
    return subprocess.run(words, env=kept, capture_output=True, text=True, timeout=LONG, check=False)


def test_a_session_is_opened_and_resumed(one: Fleet) -> None:
    done = command(f"http://127.0.0.1:{one.nodes[0].port}/", "--any-node")
    assert done.returncode == 0, done.stderr
    node = one.nodes[0].node_id
    assert f"opened on node {node}" in done.stdout
    assert f"Resumed on node {node}" in done.stdout


def test_one_node_is_not_enough(one: Fleet) -> None:
    done = command(f"http://127.0.0.1:{one.nodes[0].port}", "--timeout", "4")
    assert done.returncode == 1
    assert "Is there another, and no stickiness?" in done.stderr


def test_nobody_is_there() -> None:
    with pytest.raises(CheckFailed, match="not done after 1 s; its page does not come"):
        check(f"http://127.0.0.1:{free_port()}/", "ws", 1, print)


def test_another_path_is_the_sockets(one: Fleet) -> None:
    with pytest.raises(CheckFailed, match="rejected WebSocket connection: HTTP"):
        check(f"http://127.0.0.1:{one.nodes[0].port}/nowhere", "ws", 1, print)


@contextlib.asynccontextmanager
async def another_server() -> AsyncIterator[int]:
    async def talk(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        yield next(iter(server.sockets)).getsockname()[1]


async def test_it_is_something_else() -> None:
    async with another_server() as port:
        url = f"http://127.0.0.1:{port}/"
        with pytest.raises(CheckFailed, match="no flet-cluster"):
            await asyncio.to_thread(check, url, "ws", 5, print)


@pytest.mark.parametrize(
    ("url", "socket"),
    [
        ("http://app.example", "ws://app.example/ws"),
        ("https://app.example:8443/tools/", "wss://app.example:8443/tools/ws"),
        ("http://[::1]:8000/?x=1", "ws://[::1]:8000/ws"),
    ],
)
def test_where_the_socket_is(url: str, socket: str) -> None:
    assert socket_url(url, "ws") == socket


@pytest.mark.parametrize("url", ["app.example", "ftp://app.example/", "http:///x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(SettingsError, match="one looks like"):
        socket_url(url, "ws")
