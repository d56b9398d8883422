"""A bus over Redis when connections break and servers go away."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio.connection import Connection
from tests.servers import command, fresh_app, until_left

from flet_cluster.bus.redis import RedisBus
from flet_cluster.embedded import EmbeddedServer
from flet_cluster.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@asynccontextmanager
async def started(url: str, app: str, patience: float = 2.0) -> AsyncIterator[RedisBus]:
    bus = RedisBus(url, app, patience=patience)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def until_heard(bus: RedisBus, channel: str, got: asyncio.Event) -> None:
    """Publish until the subscriber is back."""
    async with asyncio.timeout(5):
        while not got.is_set():
            await bus.publish(channel, b"")
            await asyncio.sleep(0.01)


async def test_subscriptions_survive_a_dropped_connection(server: EmbeddedServer) -> None:
    async with started(server.url, fresh_app()) as bus:
        got = asyncio.Event()
        await bus.subscribe("a", lambda _: got.set())
        await bus.subscribe("b", lambda _: None)
        for _ in range(3):
            got.clear()
            command(server.port, "CLIENT", "KILL", "TYPE", "pubsub")
            await until_heard(bus, "a", got)
        assert await bus.publish("b", b"") == 1


async def test_publishing_survives_a_dropped_connection(server: EmbeddedServer) -> None:
    async with started(server.url, fresh_app()) as bus:
        for _ in range(3):
            command(server.port, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            assert await bus.publish("a", b"") == 0


async def test_subscriptions_survive_a_restart_of_the_server(server: EmbeddedServer) -> None:
    async with started(server.url, fresh_app()) as bus:
        got = asyncio.Event()
        await bus.subscribe("a", lambda _: got.set())
        server.kill()
        with pytest.raises(BusUnavailable, match="ConnectionError"):
            await bus.publish("a", b"")
        with pytest.raises(BusUnavailable, match="no confirmation"):
            await bus.subscribe("c", lambda _: None)
        server.start()
        await until_heard(bus, "a", got)
        assert await bus.publish("c", b"") == 0


async def test_a_bus_without_server_gives_up_in_time(server: EmbeddedServer) -> None:
    server.kill()
    began = time.monotonic()
    with pytest.raises(BusUnavailable):
        async with started(server.url, fresh_app(), patience=0.3):
            pass
    assert time.monotonic() - began < 2


async def test_stopping_while_the_server_is_away(server: EmbeddedServer) -> None:
    async with started(server.url, fresh_app(), patience=0.3) as bus:
        await bus.subscribe("a", lambda _: None)
        server.kill()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("steps", [0, 1, 3, 6, 10, 20])
async def test_who_subscribes_while_it_is_stopped_leaves_no_connection(
    server: EmbeddedServer, steps: int
) -> None:
    bus = RedisBus(server.url, fresh_app())
    await bus.start()
    subscribing = asyncio.create_task(bus.subscribe("a", lambda _: None))
    for _ in range(steps):
        await asyncio.sleep(0)
    await bus.stop()
    (outcome,) = await asyncio.gather(subscribing, return_exceptions=True)
    assert callable(outcome) or "was stopped" in str(outcome)
    await until_left(server)


async def test_apps_do_not_hear_each_other(server: EmbeddedServer) -> None:
    async with started(server.url, fresh_app()) as one, started(server.url, fresh_app()) as two:
        await one.subscribe("a", lambda _: None)
        assert await two.publish("a", b"") == 0


async def test_a_unix_socket() -> None:
    with EmbeddedServer(unix=True) as server:
        async with started(server.url, fresh_app()) as bus:
            await bus.subscribe("a", lambda _: None)
            assert await bus.publish("a", b"") == 1


async def test_a_silent_connection_is_asked_for_a_sign_of_life(
    server: EmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flet_cluster.bus.listener.PING_EVERY", 0.05)
    async with started(server.url, fresh_app()) as bus:
        await bus.subscribe("a", lambda _: None)
        listener = bus._listeners[""]
        await asyncio.sleep(0.3)
        assert bus._listeners[""] is listener
        server.pause()
        try:
            async with asyncio.timeout(5):
                while "" in bus._listeners:  # noqa: ASYNC110 - there is no event for "the reader gave up"
                    await asyncio.sleep(0.01)
        finally:
            server.resume()
        got = asyncio.Event()
        await bus.subscribe("a", lambda _: got.set())
        await until_heard(bus, "a", got)


async def test_a_connection_that_ends_while_it_begins_is_tried_again(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uvloop says so by an error of its own, when a server that restarts closes what it has just accepted."""
    connect: Any = Connection.connect
    failures = [RuntimeError("the handler is closed")]
    async with started(server.url, fresh_app()) as bus:

        async def connecting(self: Connection) -> None:
            if failures:
                raise failures.pop()
            await connect(self)

        monkeypatch.setattr(Connection, "connect", connecting)
        got = asyncio.Event()
        await bus.subscribe("hint", lambda _: got.set())
        assert not failures
        await until_heard(bus, "hint", got)
