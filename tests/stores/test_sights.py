"""What every store tells operators of sessions and nodes, and how it ends a session for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flet_cluster.errors import SessionDeleted, SessionMissing
from flet_cluster.facts import NOTE_LENGTH, Note
from flet_cluster.model import NOBODY, Commit, Lease, MainState, NodeInfo, Record
from flet_cluster.stores.base import LIFE_LENGTH

if TYPE_CHECKING:
    from tests.stores.worlds import World

    from flet_cluster.facts import Sketch, Story
    from flet_cluster.stores.base import SessionStore

T = 60.0
FULL = Commit(
    1,
    instance="page",
    rx=3,
    tx=4,
    main=MainState.DONE,
    image=b"x" * 1000,
    tail=b"abc",
    meta='{"version":"v"}',
)


async def known(store: SessionStore, session_id: str = "s") -> Story:
    story = await store.story(session_id)
    assert story is not None
    return story


async def sketch(store: SessionStore) -> Sketch:
    found = (await known(store)).sketch
    assert found is not None
    return found


async def life(store: SessionStore) -> list[tuple[str, str, str]]:
    return [(event.kind, event.node, event.detail) for event in (await known(store)).events]


async def everybody(store: SessionStore, limit: int) -> tuple[list[str], int]:
    """The ids of all pages, and how many pages there were."""
    ids, cursor, pages = [], "", 0
    while True:
        page = await store.sketches(cursor, limit)
        ids += [found.session_id for found in page.sketches]
        cursor, pages = page.cursor, pages + 1
        if not cursor:
            return ids, pages


async def test_a_record_is_read_without_a_key(store: SessionStore) -> None:
    await store.create("s", "a", FULL, T)
    found = await sketch(store)
    assert (found.session_id, found.owner, found.epoch, found.commits) == ("s", "a", 1, 1)
    assert (found.instance, found.rx, found.tx, found.main) == ("page", 3, 4, MainState.DONE)
    assert (found.snapshot, found.tail, found.meta, found.mail) == (1000, 3, '{"version":"v"}', False)
    now = (await known(store)).now
    assert found.created == found.seen == pytest.approx(now, abs=5)
    assert found.deadline - found.written == pytest.approx(T, abs=0.01)
    await store.post("s", "key", b"payload")
    assert (await sketch(store)).mail
    assert await store.story("other") is None


async def test_all_sessions_are_listed_page_by_page(store: SessionStore) -> None:
    ids = [f"s{number}" for number in range(60)]
    for session_id in ids:
        await store.create(session_id, "a", FULL, T)
    found, pages = await everybody(store, 7)
    assert set(found) == set(ids)
    assert pages > 1
    whole = await store.sketches("", 1000)
    assert whole.cursor == ""
    assert {one.session_id for one in whole.sketches} == set(ids)
    await store.delete(Lease("s7", 1, "a"))
    assert set((await everybody(store, 10))[0]) == set(ids) - {"s7"}


async def test_those_that_begin_so(store: SessionStore) -> None:
    ids = [
        f"{start}{number}" for start in ("ab", "a*", "a[b", "a\\b", "a^b", "a?", "b") for number in range(5)
    ]
    for session_id in ids:
        await store.create(session_id, "a", FULL, T)
    for prefix in ("", "a", "ab", "a*", "a*3", "a[", "a\\", "a^", "a?", "*", "[", "\\", "c"):
        page = await store.sketches("", 1000, prefix)
        assert page.cursor == ""
        assert {one.session_id for one in page.sketches} == {id_ for id_ in ids if id_.startswith(prefix)}


async def test_no_sessions_are_an_empty_page(store: SessionStore) -> None:
    page = await store.sketches()
    assert (page.sketches, page.cursor) == ((), "")


async def test_a_life_tells_where_a_session_was(store: SessionStore) -> None:
    lease = await store.create("s", "a", FULL, T)
    await store.touch(
        ["s"], T, {"s": [Note("resumed", "a"), Note("reset", "a", "a\nb " + "x" * 200, ago=5.0)]}
    )
    await store.release(lease, T, [Note("left", "a")])
    await store.release(lease, T, [Note("left", "a")])  # a repetition
    taken = await store.acquire("s", "b", T)
    assert isinstance(taken, Record)
    seized = await store.acquire("s", "c", T, seize=taken.lease)
    assert isinstance(seized, Record)
    story = await known(store)
    kinds = ["created", "resumed", "reset", "left", "released", "taken", "seized"]
    assert [event.kind for event in story.events] == kinds
    assert [event.node for event in story.events] == ["a", "a", "a", "a", "a", "b", "c"]
    assert story.events[-1].detail == "b"
    assert len(story.events[2].detail) <= NOTE_LENGTH
    assert story.events[1].at - story.events[2].at == pytest.approx(5.0, abs=1)
    assert (await sketch(store)).created == story.events[0].at


async def test_commits_leave_no_trace_in_a_life(store: SessionStore) -> None:
    lease = await store.create("s", "a", FULL, T)
    await store.commit(lease, replace(FULL, n=2), T)
    await store.touch(["s"], T)
    assert await life(store) == [("created", "a", "")]
    assert (await sketch(store)).commits == 2


async def test_who_is_connected_is_seen(world: World, store: SessionStore) -> None:
    lease = await store.create("s", "a", FULL, T)
    began = await sketch(store)
    await world.wait(0.1)
    await store.commit(lease, replace(FULL, n=2), T)
    wrote = await sketch(store)
    await store.touch(["s"], T)
    touched = await sketch(store)
    assert began.seen == wrote.seen < touched.seen
    assert began.written < wrote.written


async def test_a_life_is_bounded_and_keeps_its_beginning(store: SessionStore) -> None:
    await store.create("s", "a", FULL, T)
    for number in range(LIFE_LENGTH + 5):
        await store.touch(["s"], T, {"s": [Note("resumed", "", str(number))]})
    events = await life(store)
    assert len(events) == LIFE_LENGTH
    assert events[0] == ("created", "a", "")
    assert events[-1] == ("resumed", "", str(LIFE_LENGTH + 4))


async def test_what_has_ended_is_known_for_a_while(store: SessionStore) -> None:
    lease = await store.create("s", "a", FULL, T)
    assert await store.delete(lease, "expired")
    assert await store.delete(lease, "expired")  # a repetition
    story = await known(store)
    assert story.ended
    assert await life(store) == [("created", "a", ""), ("ended", "a", "expired")]


async def test_what_was_lost_and_written_back_says_so(world: World, store: SessionStore) -> None:
    lease = await store.create("s", "a", FULL, T)
    await world.lose_data()
    assert await store.refill(Record("s", lease.epoch, "a", FULL, 0.0), T)
    assert await life(store) == [("refilled", "a", "")]
    assert (await sketch(store)).created == 0


@pytest.mark.parametrize("held", [True, False])
async def test_a_kicked_session_is_gone_for_whoever_holds_it(store: SessionStore, held: bool) -> None:
    lease = await store.create("s", "a", FULL, T)
    if not held:
        await store.release(lease, T)
    assert await store.kick("s") == ("a" if held else NOBODY)
    assert await store.kick("s") == NOBODY  # idempotent
    with pytest.raises(SessionDeleted):
        await store.commit(lease, replace(FULL, n=2), T)
    with pytest.raises(SessionDeleted):
        await store.acquire("s", "b", T)
    with pytest.raises(SessionDeleted):
        await store.refill(Record("s", 1, "a", FULL, 0.0), T)
    assert not await store.delete(lease)
    assert (await store.touch(["s"], T)).missing == ["s"]
    assert (await life(store))[-1] == ("ended", "", "kicked")
    assert (await store.sketches()).sketches == ()
    with pytest.raises(SessionMissing):
        await store.kick("other")


async def test_figures_of_nodes_are_kept_in_order(world: World, store: SessionStore) -> None:
    assert await store.history() == []
    for number in range(4):
        await store.sample(NodeInfo(f"n{number % 2}", extra={"figures": {"events": number / 2}}))
        await world.wait(0.01)
    samples = await store.history()
    assert [(one.node_id, one.figures) for one in samples] == [
        (f"n{number % 2}", {"events": number / 2}) for number in range(4)
    ]
    assert [one.at for one in samples] == sorted(one.at for one in samples)
    assert await store.history(samples[1].at) == samples[2:]
    assert await store.history(limit=2) == samples[2:], "what a chart ends with is not left out"


async def test_what_a_node_says_of_itself_arrives(store: SessionStore) -> None:
    info = NodeInfo("n", extra={"host": "web-1", "figures": {"cpu": 0.5}})
    await store.heartbeat(info, 5.0)
    assert await store.nodes() == [info]
