"""Real servers for tests: Valkey 9, Redis 7.0 and a Valkey cluster of three primaries.

Each is started once per test run, on loopback and a free port. Tests keep apart by a fresh app name.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import shutil
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flet_cluster.embedded import EmbeddedServer, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KINDS = ("valkey", "redis7", "cluster")
"""The servers every contract test runs against."""

SLOTS = 16384


def fresh_app() -> str:
    """Name an app that no other test uses."""
    return f"test-{secrets.token_hex(6)}"


@contextlib.contextmanager
def running(kind: str) -> Iterator[str]:
    """Start a server of one of :data:`KINDS`; yields its URL."""
    if kind == "cluster":
        with running_cluster() as cluster:
            yield cluster.url
        return
    binary = find_redis7() if kind == "redis7" else None
    with EmbeddedServer(binary=binary) as server:
        yield server.url


@contextlib.contextmanager
def running_when_asked() -> Iterator[Callable[[str], str]]:
    """Yield a function that returns the URL of a server of some kind and starts it at the first call."""
    with contextlib.ExitStack() as stack:
        yield functools.cache(lambda kind: stack.enter_context(running(kind)))


def find_redis7() -> str:
    """Return the path of the distribution's Redis (``apt install redis-server``)."""
    path = shutil.which("redis-server", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    assert path is not None, "install redis-server (7.0 or newer): apt install redis-server"
    return path


@dataclass(frozen=True)
class Cluster:
    """The servers, each with an equal share of the slots, in order."""

    servers: list[EmbeddedServer]

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.servers[0].port}"


@contextlib.contextmanager
def running_cluster(primaries: int = 3) -> Iterator[Cluster]:
    """Start a cluster without replicas."""
    with contextlib.ExitStack() as stack:
        bus_ports = [free_port() for _ in range(primaries)]
        servers = [stack.enter_context(_cluster_server(bus_port)) for bus_port in bus_ports]
        share = SLOTS // primaries
        for i, server in enumerate(servers):
            last = SLOTS - 1 if i == primaries - 1 else (i + 1) * share - 1
            command(server.port, "CLUSTER", "ADDSLOTSRANGE", str(i * share), str(last))
            command(server.port, "CLUSTER", "SET-CONFIG-EPOCH", str(i + 1))
        for server, bus_port in zip(servers[1:], bus_ports[1:], strict=True):
            command(servers[0].port, "CLUSTER", "MEET", "127.0.0.1", str(server.port), str(bus_port))
        _wait_for_cluster([server.port for server in servers])
        yield Cluster(servers)


def _cluster_server(bus_port: int) -> EmbeddedServer:
    mode = ["--cluster-enabled", "yes", "--cluster-port", str(bus_port)]
    return EmbeddedServer(options=[*mode, "--cluster-node-timeout", "2000"])


def command(port: int, *words: str) -> bytes:
    """Send one command on a connection of its own; returns what came back first, unparsed."""
    lines = [f"*{len(words)}", *(part for word in words for part in (f"${len(word.encode())}", word))]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(("\r\n".join(lines) + "\r\n").encode())
        reply = client.recv(65536)
    assert not reply.startswith(b"-"), (words, reply)
    return reply


async def until_left(server: EmbeddedServer) -> None:
    """Wait until nobody is connected any more, and nobody connects again."""
    await asyncio.sleep(0.2)
    async with asyncio.timeout(10):
        while command(server.port, "CLIENT", "LIST").count(b" addr=") > 1:  # noqa: ASYNC110  a server has no event
            await asyncio.sleep(0.05)


def _wait_for_cluster(ports: list[int]) -> None:
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        states = [command(port, "CLUSTER", "INFO") for port in ports]
        known = f"cluster_known_nodes:{len(ports)}\r\n".encode()
        if all(b"cluster_state:ok" in state and known in state for state in states):
            return
        time.sleep(0.05)
    raise TimeoutError("the cluster did not form")
