"""Lists of sessions are about as long as was asked for, however many there are."""

from __future__ import annotations

import pytest

from flet_cluster.errors import AmbiguousNode, AmbiguousSession
from flet_cluster.inspection import Inspector, State
from flet_cluster.inspection.listing import Wanted, find_node
from flet_cluster.model import Commit, NodeInfo
from flet_cluster.stores.memory import MemoryStore

SESSIONS = 3000


async def inspector() -> Inspector:
    """One in three sessions is held by a node."""
    store = MemoryStore()
    await store.heartbeat(NodeInfo("node"), 60.0)
    for number in range(SESSIONS):
        lease = await store.create(f"s{number:05}", "node", Commit(1), 60.0)
        if number % 3:
            await store.release(lease, 60.0)
    return Inspector(store)


@pytest.mark.parametrize(
    "wanted", [Wanted(limit=10), Wanted(limit=1005), Wanted(state=State.ASLEEP, limit=10)]
)
async def test_a_list_is_not_much_longer_than_was_asked_for(wanted: Wanted) -> None:
    page = await wanted.read(await inspector())
    assert wanted.limit <= len(page.sessions) <= wanted.limit * 1.2
    assert page.cursor


async def test_all_of_a_state_are_found_page_by_page() -> None:
    cluster, found, cursor = await inspector(), [], ""
    while True:
        page = await Wanted(state=State.CONNECTED, limit=300, cursor=cursor).read(cluster)
        found += [one.session_id for one in page.sessions]
        cursor = page.cursor
        if not cursor:
            break
    assert len(found) == len(set(found)) == SESSIONS // 3


async def test_nothing_is_no_beginning_though_there_be_only_one() -> None:
    """``flet-cluster drain "$NODE"`` with an empty variable."""
    store = MemoryStore()
    await store.heartbeat(NodeInfo("node"), 60.0)
    await store.create("session", "node", Commit(1), 60.0)
    with pytest.raises(AmbiguousSession, match="Which session"):
        await Inspector(store).find("")
    with pytest.raises(AmbiguousNode, match="Which node"):
        await find_node(Inspector(store), "")
