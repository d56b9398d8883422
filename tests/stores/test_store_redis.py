"""What is particular to Redis: where things are, and what happens when the server or a connection fails."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers import command, fresh_app, until_left

from flet_cluster.embedded import EmbeddedServer
from flet_cluster.errors import SessionMissing, SettingsError, StoreError, StoreRecovering, StoreUnavailable
from flet_cluster.model import Commit, Lease, NodeInfo, Origin, Post, Record
from flet_cluster.stores import scripts
from flet_cluster.stores.base import GRACE, TOMBSTONE
from flet_cluster.stores.connect import parse_url
from flet_cluster.stores.keys import Keys
from flet_cluster.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

T = 60.0


@pytest.fixture(scope="module")
def shared_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@asynccontextmanager
async def started(server: EmbeddedServer, app: str = "", patience: float = 3.0) -> AsyncIterator[RedisStore]:
    store = RedisStore(server.url, app or fresh_app(), patience=patience)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


def client_of(store: RedisStore) -> Any:
    return store._batcher.wire.client


async def test_where_a_session_is(shared_server: EmbeddedServer) -> None:
    async with started(shared_server, "my {odd} app") as store:
        lease = await store.create("sid", "node", Commit(1, image=b"i"), T)
        client = client_of(store)
        fields = await client.hgetall("fc:my__odd__app:{sid}:s")
        names = "epoch owner commit instance rx tx main image tail inflight meta inbox stream outbox"
        times = {"deadline", "timeout", "created", "seen"}
        assert {name.decode() for name in fields} == {*names.split(), "life", *times}
        assert await client.zscore(Keys("my {odd} app", cluster=False).deadline_index("sid"), "sid")
        seconds, micros = await client.time()
        assert int(fields[b"deadline"]) / 1000 == pytest.approx(seconds + micros / 1e6 + T, abs=1)
        await store.post("sid", "key", b"e")
        assert await client.exists("fc:my__odd__app:{sid}:inbox") == 1
        assert await store.delete(lease)
        assert await client.exists(*(f"fc:my__odd__app:{{sid}}:{kind}" for kind in ("x", "s", "inbox"))) == 1
        assert await client.pttl("fc:my__odd__app:{sid}:x") == pytest.approx(TOMBSTONE * 1000, abs=2000)


async def test_where_the_app_stream_is(shared_server: EmbeddedServer) -> None:
    async with started(shared_server, app := fresh_app()) as store:
        posts = [Post(Origin("sid", 1, 1, 0), b"sealed")]
        end = await store.stream_append(posts, age=100, length=10, size=1000, memory=200)
        client, stem = client_of(store), f"fc:{app}:{{fc:{app}:topic}}"
        ((entry, fields),) = await client.xrange(f"{stem}:log")
        assert entry == f"{end}-0".encode()
        assert fields[b"payload"] == b"sealed"
        assert await client.get(f"{stem}:end") == b"%d" % end
        left = [await client.pttl(f"{stem}:{name}") for name in ("log", "by:sid", "end")]
        assert left == pytest.approx([100_000, 200_000, -1], abs=1000)


async def test_garbage_is_collected_after_the_grace(shared_server: EmbeddedServer) -> None:
    async with started(shared_server, app := fresh_app()) as store:
        key = f"fc:{app}:{{s}}:s"

        async def left() -> float:
            return float(await client_of(store).pttl(key)) / 1000

        lease = await store.create("s", "a", Commit(1), 100)
        assert await left() == pytest.approx(100 + GRACE, abs=1)
        await store.commit(lease, Commit(2), 200)
        assert await left() == pytest.approx(200 + GRACE, abs=1)
        await store.release(lease, 300)
        assert await left() == pytest.approx(300 + GRACE, abs=1)
        await store.touch(["s"], 400)
        assert await left() == pytest.approx(400 + GRACE, abs=1)
        await store.acquire("s", "b", 500)
        assert await left() == pytest.approx(500 + GRACE, abs=1)
        await store.touch(["s"], 0)
        assert await left() == pytest.approx(GRACE, abs=1)
        taken = await store.acquire("s", "b", 600, expired_ok=True)
        assert await left() == pytest.approx(600 + GRACE, abs=1)
        assert isinstance(taken, Record)
        await store.refill(Record("s", 99, "c", Commit(1), 0.0), 700)
        assert await left() == pytest.approx(700 + GRACE, abs=1)


async def test_what_waits_is_garbage_some_day(shared_server: EmbeddedServer) -> None:
    async with started(shared_server, app := fresh_app()) as store:
        client = client_of(store)
        await store.create("s", "a", Commit(1), 100)
        await store.post("s", "key", b"e")
        assert await client.pttl(f"fc:{app}:{{s}}:inbox") / 1000 == pytest.approx(100 + GRACE, abs=1)
        await store.keep("oauth:state", b"v", 300)
        assert await client.pttl(f"fc:{app}:oauth:state") / 1000 == pytest.approx(300, abs=1)
        assert await store.take("oauth:state") == b"v"
        assert await client.pttl(f"fc:{app}:oauth:state") / 1000 == pytest.approx(15, abs=1)


async def test_a_lost_answer_loses_no_kept_value(shared_server: EmbeddedServer) -> None:
    async with started(shared_server) as store:
        await store.keep("oauth:state", b"v", 300)
        key = store._keys.kept("oauth:state")
        for taker, answer in [("me", [b"taken", b"v"]), ("me", [b"taken", b"v"]), ("other", [b"none"])]:
            assert await store._batcher.script(scripts.TAKE, [key], [taker, 15_000]) == answer


async def test_a_tombstone_outlives_a_long_timeout(shared_server: EmbeddedServer) -> None:
    async with started(shared_server, app := fresh_app()) as store:
        lease = await store.create("s", "a", Commit(1), TOMBSTONE * 3)
        await store.delete(lease)
        left = await client_of(store).pttl(f"fc:{app}:{{s}}:x") / 1000
        assert left == pytest.approx(TOMBSTONE * 3 + GRACE, abs=2)


async def test_a_brace_in_an_id_is_refused(shared_server: EmbeddedServer) -> None:
    async with started(shared_server) as store:
        with pytest.raises(ValueError, match="brace"):
            await store.peek("a}b")


async def test_apps_are_apart(shared_server: EmbeddedServer) -> None:
    async with started(shared_server) as one, started(shared_server) as two:
        await one.create("s", "a", Commit(1), 0)
        await one.heartbeat(NodeInfo("a"), T)
        assert await two.peek("s") is None
        assert await two.expired(9) == []
        assert await two.nodes() == []
        assert await one.incarnation() != await two.incarnation()


def test_every_script_names_its_keys_and_arguments() -> None:
    scripts = list(resources.files("flet_cluster.stores").joinpath("lua").iterdir())
    assert len(scripts) > 10
    for script in scripts:
        header = "".join(line for line in script.read_text("utf-8").splitlines(True) if line.startswith("--"))
        assert "KEYS" in header, script.name
        assert "ARGV" in header, script.name


@pytest.mark.parametrize(
    ("url", "plain", "cluster"),
    [
        ("redis://h:1/2", "redis://h:1/2", False),
        ("rediss://u:p@h:1/0?ssl_cert_reqs=none", "rediss://u:p@h:1/0?ssl_cert_reqs=none", False),
        ("unix:///run/r.sock?db=1", "unix:///run/r.sock?db=1", False),
        ("unix:///run/r.sock", "unix:///run/r.sock", False),
        ("redis://h:1?cluster=true", "redis://h:1", True),
        ("redis://h:1/0?cluster=false&x=1", "redis://h:1/0?x=1", False),
        ("redis+cluster://h:1", "redis://h:1", True),
        ("rediss+cluster://h:1", "rediss://h:1", True),
    ],
)
def test_urls(url: str, plain: str, cluster: bool) -> None:
    assert parse_url(url) == (plain, cluster)


@pytest.mark.parametrize("url", ["http://h", "h:6379", "redis+sentinel://h", "unix+cluster:///x", ""])
def test_urls_that_name_no_store(url: str) -> None:
    with pytest.raises(SettingsError, match="redis://"):
        parse_url(url)


async def test_dropped_connections_are_not_noticed(shared_server: EmbeddedServer) -> None:
    async with started(shared_server) as store:
        leases = [await store.create(f"s{i}", "a", Commit(1), T) for i in range(20)]
        for n in range(2, 12):
            work = asyncio.gather(*(store.commit(lease, Commit(n), T) for lease in leases))
            await asyncio.sleep(0)
            command(shared_server.port, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await work
        records = await asyncio.gather(*(store.peek(lease.session_id) for lease in leases))
        assert all(record and record.commit == Commit(11) for record in records)


async def test_scripts_that_the_server_forgot_are_sent_again(shared_server: EmbeddedServer) -> None:
    async with started(shared_server) as store:
        lease = await store.create("s", "a", Commit(1), T)
        command(shared_server.port, "SCRIPT", "FLUSH")
        await asyncio.gather(store.commit(lease, Commit(2), T), store.peek("s"), store.touch(["s"], T))
        assert (await store.peek("s")).commit == Commit(2)  # type: ignore[union-attr]


async def test_a_restarted_server_is_refilled(server: EmbeddedServer) -> None:
    async with started(server) as store:
        lease = await store.create("s", "a", Commit(1), T)
        await store.commit(lease, Commit(2, image=b"two"), T)
        record = await store.peek("s")
        before = await store.incarnation()
        assert record is not None
        server.kill()
        server.start()
        with pytest.raises(SessionMissing):
            await store.commit(lease, Commit(3), T)
        with pytest.raises(StoreRecovering):
            await store.acquire("other", "a", T)
        assert await store.incarnation() != before
        assert await store.refill(record, T)
        await store.commit(lease, Commit(3), T)
        assert (await store.peek("s")).commit == Commit(3)  # type: ignore[union-attr]


@pytest.mark.parametrize("calls", [1, 1000])
async def test_who_calls_while_it_is_stopped_leaves_no_connection(server: EmbeddedServer, calls: int) -> None:
    store = RedisStore(server.url, fresh_app())
    await store.start()
    calling = [asyncio.create_task(store.peek(f"s{i}")) for i in range(calls)]
    await asyncio.sleep(0)
    await store.stop()
    outcomes = await asyncio.gather(*calling, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    await until_left(server)


async def test_a_short_absence_is_waited_for(server: EmbeddedServer) -> None:
    async with started(server) as store:
        server.kill()
        waiting = asyncio.create_task(store.create("s", "a", Commit(1), T))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        server.start()
        assert await waiting == Lease("s", 1, "a")


async def test_a_long_absence_is_an_error_in_time(server: EmbeddedServer) -> None:
    async with started(server, patience=0.4) as store:
        lease = await store.create("s", "a", Commit(1), T)
        server.kill()
        began = time.monotonic()
        calls = (store.commit(lease, Commit(2), T), store.peek("s"), store.nodes(), store.expired(1))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 4
        assert time.monotonic() - began < 2
        with pytest.raises(StoreUnavailable):
            await store.check()
        with pytest.raises(StoreUnavailable):
            async with started(server, patience=0.1):
                pass
        server.start()
        assert await store.peek("s") is None


async def test_a_commit_that_timed_out_and_was_applied_may_be_repeated(server: EmbeddedServer) -> None:
    async with started(server, patience=0.3) as store:
        lease = await store.create("s", "a", Commit(1), T)
        server.pause()
        with pytest.raises(StoreUnavailable):
            await store.commit(lease, Commit(2, image=b"x"), T)
        server.resume()
        await store.commit(lease, Commit(2, image=b"x"), T)
        await store.commit(lease, Commit(3), T)
        assert (await store.peek("s")).commit == Commit(3)  # type: ignore[union-attr]


async def test_a_full_server_is_unavailable_not_wrong(server: EmbeddedServer) -> None:
    async with started(server, patience=0.2) as store:
        lease = await store.create("s", "a", Commit(1), T)
        command(server.port, "CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreUnavailable, match=r"memory|OOM"):
            await store.commit(lease, Commit(2), T)
        command(server.port, "CONFIG", "SET", "maxmemory", "0")
        await store.commit(lease, Commit(2), T)


async def test_a_lost_index_is_mended_by_touching(server: EmbeddedServer) -> None:
    async with started(server, app := fresh_app()) as store:
        for i in range(40):
            await store.create(f"s{i}", "a", Commit(1), T)
        await client_of(store).delete(*Keys(app, cluster=False).deadlines)
        await store.touch([f"s{i}" for i in range(40)], 0.05)
        await asyncio.sleep(0.06)
        assert len(await store.expired(100)) == 40


async def test_check_warns_of_what_endangers_sessions(server: EmbeddedServer) -> None:
    async with started(server) as store:
        (warning,) = await store.check()
        assert "no persistence" in warning
        command(server.port, "CONFIG", "SET", "appendonly", "yes")
        assert await store.check() == []
        command(server.port, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        (warning,) = await store.check()
        assert "maxmemory-policy is allkeys-lru" in warning
        assert "noeviction" in warning


async def test_a_stopped_store_says_so(shared_server: EmbeddedServer) -> None:
    store = RedisStore(shared_server.url, fresh_app())
    await store.start()
    waiting = asyncio.create_task(store.peek("s"))
    await asyncio.sleep(0)
    await store.stop()
    with pytest.raises(StoreUnavailable):
        await waiting
    with pytest.raises(StoreUnavailable):
        await store.peek("s")
    await store.stop()


async def test_a_mistake_of_ours_is_not_retried(shared_server: EmbeddedServer) -> None:
    async with started(shared_server) as store:
        with pytest.raises(StoreError, match="WRONGTYPE"):
            await asyncio.gather(
                store._batcher.command("SET", "fc:oops", "x"),
                store._batcher.command("LPUSH", "fc:oops", "x"),
            )


async def test_a_value_that_cannot_be_sent_fails_its_caller_only(shared_server: EmbeddedServer) -> None:
    async with started(shared_server) as store:
        bad: Any = Commit(1, image=None)  # type: ignore[arg-type]
        outcomes = await asyncio.gather(
            store.create("bad", "a", bad, T),
            store.create("good", "a", Commit(1), T),
            return_exceptions=True,
        )
        assert isinstance(outcomes[0], TypeError)
        assert outcomes[1] == Lease("good", 1, "a")


async def test_a_cancelled_caller_disturbs_nobody(shared_server: EmbeddedServer) -> None:
    async with started(shared_server) as store:
        lease = await store.create("s", "a", Commit(1), T)
        gone = asyncio.create_task(store.commit(lease, Commit(2), T))
        stays = asyncio.create_task(store.peek("s"))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays is not None
        await asyncio.gather(gone, return_exceptions=True)
        await store.commit(lease, Commit(2), T)


async def test_calls_of_one_step_share_a_round_trip(shared_server: EmbeddedServer) -> None:
    async with started(shared_server) as store:
        sizes: list[int] = []
        wire: Any = store._batcher.wire
        exchange = wire.exchange

        async def counted(commands: list[Any]) -> list[Any]:
            sizes.append(len(commands))
            replies: list[Any] = await exchange(commands)
            return replies

        wire.exchange = counted
        await asyncio.gather(*(store.peek(f"s{i}") for i in range(300)))
        assert sizes == [128, 128, 44]
        sizes.clear()
        await asyncio.gather(
            *(store.create(f"s{i}", "a", Commit(1, image=bytes(300_000)), T) for i in range(8)),
        )
        assert sizes == [8, 4, 4]
