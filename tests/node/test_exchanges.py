"""A code or a refresh token is given to its provider once, whichever nodes want to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from tests.node.small_app import main

from flet_cluster.composition import build_node
from flet_cluster.errors import SignInFailed, StoreUnavailable
from flet_cluster.events import FaultPoints, NullObserver
from flet_cluster.host.program import program_of
from flet_cluster.node import exchanges
from flet_cluster.settings import Settings
from flet_cluster.stores.memory import MemoryStore

if TYPE_CHECKING:
    from flet_cluster.node.node import Node

RESULT = {"access_token": "the token", "scope": ["a"], "expires_in": None}


class Provider:
    """Counts what it is asked, and answers when it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: SignInFailed | None = None
        self.may = asyncio.Event()
        self.may.set()

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        await self.may.wait()
        if self.error is not None:
            raise self.error
        return RESULT


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def nodes(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> list[Node]:
    monkeypatch.setattr(exchanges, "POLL_SECONDS", 0.005)
    settings = Settings(app_name="x", secret_key=SecretStr("a secret for tests only, long enough"))
    made = [build_node(program_of(main), settings, NullObserver(), FaultPoints()) for _ in range(2)]
    for node in made:
        node.store = store
    return made


async def test_it_is_done_once_and_all_have_the_result(nodes: list[Node], store: MemoryStore) -> None:
    provider = Provider()
    await asyncio.gather(*(alive(store, node) for node in nodes))
    results = await asyncio.gather(*(node.host.once("n", provider) for node in nodes * 3))
    assert results == [RESULT] * 6
    assert provider.asked == 1
    assert await nodes[1].host.once("n", provider) == RESULT  # a node that comes late
    assert await nodes[1].host.once("another", provider) == RESULT
    assert provider.asked == 2
    assert "the token" not in repr(store._data)


async def alive(store: MemoryStore, node: Node) -> None:
    await store.heartbeat(node.describe(), 60.0)


async def test_what_a_dead_node_has_begun_is_done_by_the_next(nodes: list[Node], store: MemoryStore) -> None:
    first, second = nodes
    provider, hanging = Provider(), Provider()
    hanging.may.clear()
    await alive(store, first)
    begun = asyncio.create_task(_once(first, hanging))
    await asyncio.sleep(0.02)
    waiting = asyncio.create_task(_once(second, provider))
    await asyncio.sleep(0.05)
    assert (hanging.asked, provider.asked) == (1, 0)
    await store.retire(first.id)
    assert await waiting == RESULT
    hanging.may.set()
    assert await begun == RESULT


async def _once(node: Node, provider: Provider) -> dict[str, Any]:
    return await node.host.once("n", provider)


async def test_others_do_not_repeat_a_failure_at_once(
    nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "FAILED_SECONDS", 0.05)
    provider = Provider()
    provider.error = SignInFailed("words", "details", "invalid_grant")
    for node in nodes:
        with pytest.raises(SignInFailed, match="words") as failed:
            await node.host.once("n", provider)
        assert (failed.value.detail, failed.value.error) == ("details", "invalid_grant")
    assert provider.asked == 1
    await asyncio.sleep(0.06)
    provider.error = None
    assert await nodes[0].host.once("n", provider) == RESULT


async def test_what_was_begun_is_of_use_though_its_session_is_gone(nodes: list[Node]) -> None:
    provider = Provider()
    provider.may.clear()
    begun = asyncio.create_task(_once(nodes[0], provider))
    await asyncio.sleep(0.02)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    provider.may.set()
    assert await nodes[0].host.once("n", provider) == RESULT
    assert provider.asked == 1


async def test_without_the_store_nothing_is_given_away(
    nodes: list[Node], store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_args: Any, **_options: Any) -> None:
        raise StoreUnavailable("away")

    provider = Provider()
    monkeypatch.setattr(store, "claim", away)
    with pytest.raises(SignInFailed, match="at the moment"):
        await nodes[0].host.once("n", provider)
    assert provider.asked == 0


async def test_a_result_that_cannot_be_kept_counts_here(
    nodes: list[Node], store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_args: Any, **_options: Any) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(store, "keep", away)
    monkeypatch.setattr(store, "claim", nobody)
    assert await nodes[0].host.once("n", Provider()) == RESULT


async def nobody(*_args: Any, **_options: Any) -> None:
    """Whoever asks has it."""
