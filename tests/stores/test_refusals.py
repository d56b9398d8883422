"""A server that answers and refuses: the operator reads what it is, and what to do."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.servers import command, find_redis7, fresh_app

from flet_cluster.bus.redis import RedisBus
from flet_cluster.embedded import EmbeddedServer
from flet_cluster.errors import BusUnavailable, StoreRefuses, StoreUnavailable
from flet_cluster.stores.connect import is_transient
from flet_cluster.stores.redis import RedisStore
from flet_cluster.stores.trouble import PERMISSIONS, trouble_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "geheimnis"
WRONG = "falsches-wort"


@pytest.fixture(params=["valkey", "redis7"])
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(binary=find_redis7() if request.param == "redis7" else None) as server:
        yield server


def user(server: EmbeddedServer, *rules: str) -> str:
    """Make a user; returns the URL for it."""
    command(server.port, "ACL", "SETUSER", "app", "on", f">{PASSWORD}", *rules)
    return f"redis://app:{PASSWORD}@127.0.0.1:{server.port}/0"


async def refusal(url: str) -> StoreUnavailable:
    """Start a store; returns how that failed."""
    with pytest.raises(StoreUnavailable) as caught:
        await RedisStore(url, fresh_app(), patience=0.3).start()
    assert PASSWORD not in str(caught.value)
    assert WRONG not in str(caught.value)
    return caught.value


async def final(url: str, words: str) -> None:
    """Check that a store is refused at once and for good, with these words."""
    error = await refusal(url)
    assert isinstance(error, StoreRefuses)
    assert words in str(error)
    assert error.__cause__ is not None
    assert not is_transient(error.__cause__)


async def passing(url: str, words: str) -> None:
    """Check that a store is tried for a while, and then given up with these words."""
    error = await refusal(url)
    assert not isinstance(error, StoreRefuses)
    assert words in str(error)


async def test_passwords(server: EmbeddedServer) -> None:
    place = f"127.0.0.1:{server.port}/0"
    await final(f"redis://:{WRONG}@{place}", "has no password for this user")
    command(server.port, "CONFIG", "SET", "requirepass", PASSWORD)
    await final(f"redis://{place}", "wants a password, and its URL has none")
    await final(f"redis://:{WRONG}@{place}", "refuses the user name or the password")
    await final(f"redis://nobody:{WRONG}@{place}", "refuses the user name or the password")


async def test_a_database_that_is_not_there(server: EmbeddedServer) -> None:
    await final(f"redis://127.0.0.1:{server.port}/99", "has no database of the number")


async def test_a_user_who_may_not_run_scripts(server: EmbeddedServer) -> None:
    url = user(server, "~*", "&*", "+@all", "-@scripting")
    await final(url, f"ACL SETUSER NAME {PERMISSIONS}")


async def test_a_user_who_may_not_touch_the_keys(server: EmbeddedServer) -> None:
    await final(user(server, "~other:*", "&*", "+@all"), "does not let its user")


async def listening(bus: RedisBus) -> None:
    await bus.start()
    await bus.subscribe("ctl:n", lambda _: None)


@pytest.mark.parametrize("rules", [("resetchannels",), ("&*", "-subscribe")])
async def test_a_user_who_may_not_listen(server: EmbeddedServer, rules: tuple[str, ...]) -> None:
    url, app = user(server, "~*", "+@all", *rules), fresh_app()
    bus = RedisBus(url, app, patience=0.5)
    with pytest.raises(BusUnavailable) as caught:
        await listening(bus)
    trouble = trouble_of(caught.value)
    assert trouble is not None
    assert trouble.final
    assert "does not let its user" in trouble.sentence
    await bus.stop()


async def test_the_permissions_that_are_recommended_suffice(server: EmbeddedServer) -> None:
    url, app = user(server, *PERMISSIONS.split()), fresh_app()
    store, bus = RedisStore(url, app), RedisBus(url, app)
    await store.start()
    await bus.start()
    await bus.subscribe("ctl:n", lambda _: None)
    assert await bus.publish("ctl:n", b"x") == 1
    assert all("INFO" not in remark for remark in await store.check())
    await bus.stop()
    await store.stop()


async def test_a_user_who_may_not_ask_for_info_is_no_reason_not_to_start(server: EmbeddedServer) -> None:
    store = RedisStore(user(server, "~*", "&*", "+@all", "-info"), fresh_app())
    await store.start()
    (remark,) = await store.check()
    assert "does not allow INFO" in remark
    await store.stop()


async def test_no_memory(server: EmbeddedServer) -> None:
    command(server.port, "CONFIG", "SET", "maxmemory-policy", "noeviction")
    command(server.port, "CONFIG", "SET", "maxmemory", "1mb")
    command(server.port, "CONFIG", "SET", "maxmemory", "1")
    await passing(server.url, "has no memory left (OOM)")


async def test_a_replica(server: EmbeddedServer) -> None:
    command(server.port, "REPLICAOF", "127.0.0.1", "1")
    command(server.port, "CONFIG", "SET", "replica-serve-stale-data", "yes")
    await passing(server.url, "is a replica (READONLY)")


async def test_too_few_replicas(server: EmbeddedServer) -> None:
    command(server.port, "CONFIG", "SET", "min-replicas-to-write", "1")
    await passing(server.url, "has too few replicas")


@contextmanager
def unsaved(folder: Path, binary: str | None) -> Iterator[EmbeddedServer]:
    """Run a server whose last attempt to save its data has failed."""
    folder.mkdir()
    options = ["--save", "3600 1", "--dir", str(folder)]
    with EmbeddedServer(binary=binary, options=options) as server:
        shutil.rmtree(folder)
        command(server.port, "SET", "fc:x", "1")
        command(server.port, "BGSAVE")
        while b"rdb_last_bgsave_status:err" not in command(server.port, "INFO", "persistence"):
            pass
        yield server


@pytest.mark.parametrize("kind", ["valkey", "redis7"])
async def test_a_full_disk(tmp_path: Path, kind: str) -> None:
    with unsaved(tmp_path / "data", find_redis7() if kind == "redis7" else None) as server:
        await passing(server.url, "cannot save its data (MISCONF)")


async def test_one_server_of_a_cluster() -> None:
    options = ["--cluster-enabled", "yes"]
    with EmbeddedServer(binary=find_redis7(), options=options) as server:
        await final(server.url.replace("/0", "/1"), "is a cluster")


async def test_a_password_that_was_changed_meanwhile_and_back(server: EmbeddedServer) -> None:
    store = RedisStore(user(server, *PERMISSIONS.split()), fresh_app(), patience=0.3)
    await store.start()
    command(server.port, "ACL", "SETUSER", "app", "resetpass", ">another-one")
    command(server.port, "CLIENT", "KILL", "USER", "app")
    with pytest.raises(StoreRefuses, match="refuses the user name or the password"):
        await store.peek("s")
    command(server.port, "ACL", "SETUSER", "app", f">{PASSWORD}")
    assert await store.peek("s") is None
    await store.stop()
