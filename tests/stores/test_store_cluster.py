"""A store and a bus on a cluster whose slots move and whose servers die."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from redis.crc import key_slot
from tests.servers import Cluster, command, fresh_app, running_cluster

from flet_cluster.bus.redis import RedisBus
from flet_cluster.errors import SessionMissing, StoreRecovering, StoreUnavailable
from flet_cluster.model import Commit
from flet_cluster.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from flet_cluster.embedded import EmbeddedServer

T = 60.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Shared; a test moves only slots that no other test uses."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def mortal_cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def start(stack: AsyncExitStack, service: Any) -> Any:
    await service.start()
    stack.push_async_callback(service.stop)
    return service


def owner_of(cluster: Cluster, slot: int) -> EmbeddedServer:
    share = 16384 // len(cluster.servers)
    return cluster.servers[min(slot // share, len(cluster.servers) - 1)]


def move_slot(cluster: Cluster, slot: int, keys: list[str]) -> EmbeddedServer:
    """Move a slot with its keys to another server."""
    source = owner_of(cluster, slot)
    target = next(server for server in cluster.servers if server is not source)
    begin_move(source, target, slot)
    finish_move(cluster, source, target, slot, keys)
    return target


def begin_move(source: EmbeddedServer, target: EmbeddedServer, slot: int) -> None:
    command(target.port, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", node_id(source))
    command(source.port, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", node_id(target))


def finish_move(
    cluster: Cluster,
    source: EmbeddedServer,
    target: EmbeddedServer,
    slot: int,
    keys: list[str],
) -> None:
    if keys:
        command(source.port, "MIGRATE", "127.0.0.1", str(target.port), "", "0", "5000", "KEYS", *keys)
    for server in [target, source, *cluster.servers]:
        command(server.port, "CLUSTER", "SETSLOT", str(slot), "NODE", node_id(target))


def node_id(server: EmbeddedServer) -> str:
    return command(server.port, "CLUSTER", "MYID").split(b"\r\n")[1].decode()


async def test_a_session_moves_with_its_slot(cluster: Cluster, stack: AsyncExitStack) -> None:
    app = fresh_app()
    store = await start(stack, RedisStore(cluster.url, app))
    lease = await store.create("moved", "a", Commit(1), T)
    key = f"fc:{app}:{{moved}}:s"
    move_slot(cluster, key_slot(b"moved"), [key])
    await store.commit(lease, Commit(2), T)
    assert (await store.peek("moved")).commit == Commit(2)


async def test_a_session_is_written_while_its_slot_moves(cluster: Cluster, stack: AsyncExitStack) -> None:
    app = fresh_app()
    store = await start(stack, RedisStore(cluster.url, app))
    lease = await store.create("moving", "a", Commit(1), T)
    key, slot = f"fc:{app}:{{moving}}:s", key_slot(b"moving")
    source = owner_of(cluster, slot)
    target = next(server for server in cluster.servers if server is not source)
    begin_move(source, target, slot)
    committing = asyncio.create_task(store.commit(lease, Commit(2), T))
    await asyncio.sleep(0.05)
    finish_move(cluster, source, target, slot, [key])
    await committing
    await store.commit(lease, Commit(3), T)
    assert (await store.peek("moving")).commit == Commit(3)


async def test_a_subscription_follows_its_slot(cluster: Cluster, stack: AsyncExitStack) -> None:
    app = fresh_app()
    bus = await start(stack, RedisBus(cluster.url, app))
    got = asyncio.Event()
    await bus.subscribe("ctl:n1", lambda _: got.set())
    await bus.subscribe("ctl:n2", lambda _: None)
    move_slot(cluster, key_slot(f"fc:{app}:bus:ctl:n1".encode()), [])
    async with asyncio.timeout(5):
        while not got.is_set():
            await bus.publish("ctl:n1", b"")
            await asyncio.sleep(0.01)
    assert await bus.publish("ctl:n1", b"") == 1
    assert await bus.publish("ctl:n2", b"") == 1


async def test_a_server_that_lost_its_data_is_noticed(cluster: Cluster, stack: AsyncExitStack) -> None:
    store = await start(stack, RedisStore(cluster.url, fresh_app()))
    lease = await store.create("lost", "a", Commit(1), T)
    record = await store.peek("lost")
    before = await store.incarnation()
    command(owner_of(cluster, key_slot(b"lost")).port, "FLUSHALL")
    with pytest.raises(SessionMissing):
        await store.commit(lease, Commit(2), T)
    newcomer = await start(stack, RedisStore(cluster.url, store._keys.nodes.split(":")[1]))
    with pytest.raises(StoreRecovering):
        await newcomer.acquire("lost", "b", T)
    assert await store.incarnation() == await newcomer.incarnation() != before
    assert await store.refill(record, T)
    await store.commit(lease, Commit(2), T)


async def test_a_dead_server_stops_its_own_sessions_only(
    mortal_cluster: Cluster, stack: AsyncExitStack
) -> None:
    for server in mortal_cluster.servers:
        command(server.port, "CONFIG", "SET", "cluster-require-full-coverage", "no")
    store = await start(stack, RedisStore(mortal_cluster.url, fresh_app(), patience=1.0))
    dead = mortal_cluster.servers[1]
    leases = [await store.create(f"s{i}", "a", Commit(1), T) for i in range(12)]
    dead.kill()
    outcomes = await asyncio.gather(
        *(store.commit(lease, Commit(2), T) for lease in leases),
        return_exceptions=True,
    )
    for lease, outcome in zip(leases, outcomes, strict=True):
        home = owner_of(mortal_cluster, key_slot(lease.session_id.encode()))
        assert isinstance(outcome, StoreUnavailable) == (home is dead), (lease, outcome)
