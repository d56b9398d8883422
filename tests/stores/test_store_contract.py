"""What every store must do with one session, memory or real."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flet_cluster.errors import (
    Fenced,
    InboxFull,
    SessionDeleted,
    SessionExists,
    SessionExpired,
    SessionMissing,
    StoreRecovering,
)
from flet_cluster.model import NOBODY, Commit, Held, Lease, MainState, NodeInfo, Record
from flet_cluster.stores.base import INBOX_LIMIT

if TYPE_CHECKING:
    from tests.stores.worlds import World

    from flet_cluster.stores.base import SessionStore

T = 60.0
SHORT = 0.1
FIRST = Commit(1)
FULL = Commit(
    2,
    instance="page-1",
    rx=7,
    tx=2**32 - 1,
    main=MainState.DONE,
    image=bytes(range(256)) * 20,
    tail=b"\x00",
    inflight=b"{}\r\n",
    meta='{"route": "/ü"}',
    inbox=2**50,
    stream=2**50 + 1,
    outbox=b"\x00 \xff",
)


async def create(store: SessionStore, session_id: str = "s", owner: str = "a") -> Lease:
    return await store.create(session_id, owner, FIRST, T)


async def take(store: SessionStore, owner: str, **options: object) -> Record:
    record = await store.acquire("s", owner, T, **options)  # type: ignore[arg-type]
    assert isinstance(record, Record)
    return record


async def test_a_new_session_is_held_at_epoch_1(store: SessionStore) -> None:
    assert await create(store) == Lease("s", 1, "a")
    record = await store.peek("s")
    assert record is not None
    assert (record.lease, record.commit) == (Lease("s", 1, "a"), FIRST)


async def test_create_may_be_repeated_but_not_by_another(store: SessionStore) -> None:
    lease = await create(store)
    assert await create(store) == lease
    with pytest.raises(SessionExists):
        await create(store, owner="b")
    await store.commit(lease, Commit(2), T)
    with pytest.raises(SessionExists):
        await create(store)


async def test_every_field_survives(store: SessionStore) -> None:
    lease = await create(store)
    await store.commit(lease, FULL, T)
    record = await store.peek("s")
    assert record is not None
    assert record.commit == FULL
    assert await take(store, "a") == replace(record, epoch=2, deadline=(await deadline(store)))


async def deadline(store: SessionStore) -> float:
    record = await store.peek("s")
    assert record is not None
    return record.deadline


async def test_a_commit_needs_its_predecessor(store: SessionStore) -> None:
    lease = await create(store)
    await store.commit(lease, Commit(2, rx=1), T)
    await store.commit(lease, Commit(3, rx=2), T)
    with pytest.raises(Fenced):
        await store.commit(lease, Commit(2, rx=1), T)
    with pytest.raises(SessionMissing):
        await store.commit(lease, Commit(5), T)
    assert (await store.peek("s")).commit == Commit(3, rx=2)  # type: ignore[union-attr]


async def test_the_very_same_commit_may_be_repeated(store: SessionStore) -> None:
    lease = await create(store)
    for _ in range(3):
        await store.commit(lease, FULL, T)
    with pytest.raises(Fenced):
        await store.commit(lease, replace(FULL, image=b"other"), T)
    assert (await store.peek("s")).commit == FULL  # type: ignore[union-attr]


async def test_acquire_of_a_free_session(store: SessionStore) -> None:
    lease = await create(store)
    assert await store.release(lease, T)
    assert (await store.peek("s")).owner == NOBODY  # type: ignore[union-attr]
    assert (await take(store, "b")).lease == Lease("s", 2, "b")


async def test_acquire_of_ones_own_session_fences_the_older_lease(store: SessionStore) -> None:
    lease = await create(store)
    assert (await take(store, "a")).epoch == 2
    with pytest.raises(Fenced) as info:
        await store.commit(lease, Commit(2), T)
    assert (info.value.owner, info.value.epoch) == ("a", 2)


async def test_a_held_session_is_not_taken(store: SessionStore) -> None:
    lease = await create(store)
    assert await store.acquire("s", "b", T) == Held(lease)
    for wrong in (Lease("s", 2, "a"), Lease("s", 1, "c"), Lease("s", 1, NOBODY)):
        assert await store.acquire("s", "b", T, seize=wrong) == Held(lease)
    await store.commit(lease, Commit(2), T)


async def test_seizing_needs_exactly_the_current_lease(store: SessionStore) -> None:
    lease = await create(store)
    taken = await take(store, "b", seize=lease)
    assert (taken.lease, taken.commit) == (Lease("s", 2, "b"), FIRST)
    assert await store.acquire("s", "c", T, seize=lease) == Held(taken.lease)
    with pytest.raises(Fenced):
        await store.commit(lease, Commit(2), T)
    assert not await store.release(lease, T)
    assert not await store.delete(lease)
    await store.commit(taken.lease, Commit(2), T)


async def test_release_may_be_repeated_until_somebody_takes_it(store: SessionStore) -> None:
    lease = await create(store)
    assert await store.release(lease, T)
    assert await store.release(lease, T)
    with pytest.raises(Fenced):
        await store.commit(lease, Commit(2), T)
    assert not await store.delete(lease)
    await take(store, "b")
    assert not await store.release(lease, T)
    assert (await store.peek("s")).owner == "b"  # type: ignore[union-attr]


async def test_a_late_repetition_of_a_release_does_not_revive_an_expired_session(
    world: World,
    store: SessionStore,
) -> None:
    lease = await create(store)
    assert await store.release(lease, SHORT)
    await world.wait(SHORT)
    assert await store.release(lease, T)
    assert await store.expired(10) == ["s"]


async def test_a_deleted_session_stays_deleted(store: SessionStore) -> None:
    lease = await create(store)
    record = await store.peek("s")
    assert record is not None
    assert await store.delete(lease)
    assert await store.delete(lease)
    assert not await store.delete(Lease("s", 2, "b"))
    assert await store.peek("s") is None
    assert (await store.touch(["s"], T)).missing == ["s"]
    assert not await store.release(lease, T)
    newer = replace(record, epoch=9)
    for attempt in (
        create(store),
        store.acquire("s", "b", T),
        store.acquire("s", "b", T, expired_ok=True, seize=lease),
        store.commit(lease, Commit(2), T),
        store.refill(newer, T),
    ):
        with pytest.raises(SessionDeleted):
            await attempt
    assert await store.peek("s") is None
    assert await store.expired(10) == []


async def test_an_unknown_session(store: SessionStore) -> None:
    unknown = Lease("nobody", 1, "a")
    assert await store.peek("nobody") is None
    assert (await store.touch(["nobody"], T)).missing == ["nobody"]
    for attempt in (
        store.acquire("nobody", "a", T),
        store.commit(unknown, Commit(2), T),
        store.release(unknown, T),
        store.delete(unknown),
    ):
        with pytest.raises(SessionMissing):
            await attempt


async def test_an_expired_session(world: World, store: SessionStore) -> None:
    await store.create("s", "a", FIRST, SHORT)
    before = await deadline(store)
    assert await store.expired(10) == []
    await world.wait(SHORT)
    assert await store.expired(10) == ["s"]
    with pytest.raises(SessionExpired):
        await store.acquire("s", "a", T)
    held = await store.acquire("s", "b", T, expired_ok=True)
    assert held == Held(Lease("s", 1, "a"))
    taken = await take(store, "b", expired_ok=True, seize=held.lease)
    assert (taken.expired, taken.deadline) == (True, before)
    with pytest.raises(SessionExpired):
        await store.acquire("s", "c", T)
    assert await store.delete(taken.lease)
    assert await store.expired(10) == []


async def test_a_session_touched_before_it_was_closed(world: World, store: SessionStore) -> None:
    lease = await store.create("s", "a", FIRST, SHORT)
    assert await store.release(lease, SHORT)
    await world.wait(SHORT)
    assert await store.expired(10) == ["s"]
    assert (await store.touch(["s"], T)).missing == []
    assert not (await take(store, "b", expired_ok=True)).expired


async def test_what_moves_a_deadline(world: World, store: SessionStore) -> None:
    lease = await store.create("s", "a", FIRST, 0.3)
    seen = await deadline(store)

    async def moved() -> bool:
        nonlocal seen
        last, seen = seen, await deadline(store)
        await world.wait(0.01)
        return seen > last + 1

    await store.commit(lease, Commit(2), 10)
    assert await moved()
    await store.release(lease, 20)
    assert await moved()
    await take(store, "b")
    assert await moved()
    await store.touch(["s"], 90)
    assert await moved()
    await store.peek("s")
    await store.acquire("s", "c", 200)
    await store.expired(10)
    assert not await moved()


async def test_a_deadline_that_comes_earlier_is_noticed(world: World, store: SessionStore) -> None:
    lease = await create(store)
    await store.release(lease, SHORT)
    other = await create(store, "by-commit")
    await store.commit(other, Commit(2), SHORT)
    await create(store, "by-touch")
    await store.touch(["by-touch"], SHORT)
    await create(store, "not")
    await world.wait(SHORT)
    assert sorted(await store.expired(10)) == ["by-commit", "by-touch", "s"]


async def test_a_deadline_that_moved_is_found_when_it_comes(world: World, store: SessionStore) -> None:
    lease = await store.create("s", "a", FIRST, SHORT)
    await store.release(lease, SHORT * 3)
    await world.wait(SHORT)
    assert await store.expired(10) == []
    await world.wait(SHORT * 3)
    assert await store.expired(10) == ["s"]


async def test_expired_is_limited_and_begins_with_the_oldest(world: World, store: SessionStore) -> None:
    for i in range(6):
        await store.create(f"s{i}", "a", FIRST, 0.01 * (i + 1))
    await world.wait(0.1)
    assert await store.expired(3) == ["s0", "s1", "s2"]


async def test_touch_tells_what_is_missing(store: SessionStore) -> None:
    for i in range(20):
        await create(store, f"s{i}")
    assert (await store.touch(["x", *(f"s{i}" for i in range(20)), "y"], T)).missing == ["x", "y"]
    assert (await store.touch([], T)).missing == []


async def test_refill_writes_back_what_was_lost(world: World, store: SessionStore) -> None:
    lease = await create(store)
    await store.commit(lease, FULL, T)
    record = await store.peek("s")
    assert record is not None
    await world.lose_data()
    for lost in (store.commit(lease, Commit(3), T), store.release(lease, T), store.delete(lease)):
        with pytest.raises(SessionMissing):
            await lost
    assert (await store.touch(["s"], T)).missing == ["s"]
    assert await store.refill(record, T)
    assert await store.refill(record, T)
    await store.commit(lease, Commit(3), T)
    assert not await store.refill(record, T)
    assert (await store.peek("s")).commit == Commit(3)  # type: ignore[union-attr]


async def test_a_refilled_session_expires_too(world: World, store: SessionStore) -> None:
    await create(store)
    record = await store.peek("s")
    assert record is not None
    await world.lose_data()
    await store.refill(record, SHORT)
    await world.wait(SHORT)
    assert await store.expired(10) == ["s"]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
async def test_the_highest_epoch_and_commit_win(store: SessionStore, order: tuple[int, ...]) -> None:
    copies = [
        Record("s", 1, "a", Commit(9), 0.0),
        Record("s", 2, "b", Commit(3), 0.0),
        Record("s", 2, "c", Commit(4), 0.0),
        Record("s", 2, "d", Commit(4), 0.0),
    ]
    outcomes = {i: await store.refill(copies[i], T) for i in order}
    last = await store.peek("s")
    assert last is not None
    assert (last.epoch, last.commit.n) == (2, 4)
    assert last.owner == copies[min((2, 3), key=order.index)].owner
    assert outcomes[min((2, 3), key=order.index)]
    assert not outcomes[max((2, 3), key=order.index)]


async def test_a_record_older_than_the_lease_counts_as_lost(store: SessionStore) -> None:
    await store.refill(Record("s", 2, "a", Commit(4), 0.0), T)
    for lost in (
        store.commit(Lease("s", 3, "a"), Commit(5), T),
        store.commit(Lease("s", 2, "a"), Commit(9), T),
        store.release(Lease("s", 3, "a"), T),
        store.delete(Lease("s", 3, "a")),
    ):
        with pytest.raises(SessionMissing):
            await lost
    assert (await store.peek("s")).lease == Lease("s", 2, "a")  # type: ignore[union-attr]


async def test_a_new_data_set_is_not_recovering(store: SessionStore) -> None:
    with pytest.raises(SessionMissing):
        await store.acquire("s", "a", T)


async def test_after_a_loss_unknown_sessions_are_asked_to_wait(world: World, store: SessionStore) -> None:
    lease = await create(store)
    record = await store.peek("s")
    assert record is not None
    before = await store.incarnation()
    assert await store.incarnation() == before
    await world.lose_data()
    with pytest.raises(StoreRecovering):
        await store.acquire("s", "b", T)
    newcomer = await world.store()
    with pytest.raises(StoreRecovering):
        await newcomer.acquire("s", "c", T)
    assert await store.incarnation() == await newcomer.incarnation() != before
    await create(newcomer, "new")
    assert await store.refill(record, T)
    assert await newcomer.acquire("s", "c", T) == Held(lease)


async def test_a_heartbeat_announces_a_loss(world: World, store: SessionStore) -> None:
    await world.lose_data()
    newcomer = await world.store()
    await store.heartbeat(NodeInfo("a"), T)
    with pytest.raises(StoreRecovering):
        await newcomer.acquire("s", "b", T)


async def test_nodes_come_and_go(world: World, store: SessionStore) -> None:
    other = await world.store()
    one = NodeInfo("n1", version="v1", sessions=3, draining=True, extra={"host": "x"})
    two = NodeInfo("n2")
    await store.heartbeat(one, T)
    await other.heartbeat(two, SHORT)
    assert await store.nodes() == [one, two]
    assert await store.alive("n1")
    assert await store.alive("n2")
    assert not await store.alive("n3")
    await world.wait(SHORT)
    assert not await store.alive("n2")
    assert await store.nodes() == [one]
    await store.heartbeat(replace(one, sessions=4), T)
    assert await other.nodes() == [replace(one, sessions=4)]
    await store.retire("n1")
    assert await other.nodes() == []
    assert not await store.alive("n1")


async def test_one_of_many_acquires_wins(world: World, store: SessionStore) -> None:
    lease = await create(store)
    await store.release(lease, T)
    stores = [await world.store() for _ in range(4)]
    nodes = [f"n{i}" for i in range(40)]
    answers = await asyncio.gather(
        *(stores[i % 4].acquire("s", node, T) for i, node in enumerate(nodes)),
    )
    won = [answer for answer in answers if isinstance(answer, Record)]
    assert len(won) == 1
    assert all(answer == Held(won[0].lease) for answer in answers if isinstance(answer, Held))


async def contents(store: SessionStore) -> list[tuple[str, bytes]]:
    return [(entry.key, entry.payload) for entry in await store.inbox("s")]


async def test_what_is_posted_waits_in_order_for_whoever_holds_the_session(store: SessionStore) -> None:
    lease = await create(store)
    assert await store.post("s", "one", b"1\r\n 2") == "a"
    await store.release(lease, T)
    assert await store.post("s", "two", b"") == NOBODY
    assert await contents(store) == [("one", b"1\r\n 2"), ("two", b"")]
    first, second = await store.inbox("s")
    assert 0 < first.n < second.n
    taken = await take(store, "b")
    assert (taken.posted, taken.mail) == (second.n, True)
    await store.commit(taken.lease, Commit(2, inbox=first.n), T)
    assert (await store.touch(["s"], T)).mail == ["s"]
    await store.commit(taken.lease, Commit(3, inbox=second.n), T)
    assert (await store.touch(["s"], T)).mail == []
    record = await store.peek("s")
    assert record is not None
    assert (record.commit.inbox, record.posted, record.mail) == (second.n, second.n, False)
    await store.clear_inbox("s", first.n)
    assert await store.inbox("s") == [second]
    await store.clear_inbox("s", second.n)
    assert await store.inbox("s") == []


async def test_posting_may_be_repeated(store: SessionStore) -> None:
    await create(store)
    for _ in range(2):
        assert await store.post("s", "one", b"1") == "a"
    (entry,) = await store.inbox("s")
    await store.clear_inbox("s", entry.n)
    await store.post("s", "one", b"1")  # its answer was lost, and the holder was quicker
    assert await store.inbox("s") == []
    await store.post("s", "two", b"2")
    assert [other.n > entry.n for other in await store.inbox("s")] == [True]


@pytest.mark.parametrize("ahead", [0, 2**52])  # the second: by a clock that went fast
async def test_numbers_go_up_although_data_was_lost(world: World, store: SessionStore, ahead: int) -> None:
    lease = await create(store)
    await store.post("s", "one", b"1")
    (entry,) = await store.inbox("s")
    await store.commit(lease, Commit(2, inbox=max(entry.n, ahead)), T)
    record = await store.peek("s")
    assert record is not None
    await world.lose_data()
    assert await store.inbox("s") == []
    await world.wait(0.001)
    assert await store.refill(record, T)
    await store.post("s", "two", b"2")
    (later,) = await store.inbox("s")
    assert later.n > max(entry.n, ahead)


async def test_nobody_posts_to_a_session_that_is_no_more(world: World, store: SessionStore) -> None:
    with pytest.raises(SessionMissing):
        await store.post("s", "one", b"")
    lease = await store.create("s", "a", FIRST, SHORT)
    await store.post("s", "one", b"")
    await world.wait(SHORT)
    with pytest.raises(SessionExpired):
        await store.post("s", "two", b"")
    assert await store.delete(lease)
    with pytest.raises(SessionDeleted):
        await store.post("s", "three", b"")
    assert await store.inbox("s") == []


async def test_an_inbox_is_bounded(store: SessionStore) -> None:
    await create(store)
    for i in range(INBOX_LIMIT):
        await store.post("s", f"{i}", b"")
    with pytest.raises(InboxFull):
        await store.post("s", "more", b"")
    assert len(await store.inbox("s")) == INBOX_LIMIT
    await store.clear_inbox("s", (await store.inbox("s"))[0].n)
    await store.post("s", "more", b"")


async def test_a_kept_value_is_taken_once(world: World, store: SessionStore) -> None:
    others = [await world.store() for _ in range(4)]
    await store.keep("oauth:x", b"\x00 1", T)
    await store.keep("oauth:x", b"\x00 2", T)
    assert [await other.kept("oauth:x") for other in others] == [b"\x00 2"] * 4
    taken = await asyncio.gather(*(other.take("oauth:x") for other in others * 3))
    assert [value for value in taken if value is not None] == [b"\x00 2"]
    await store.keep("oauth:x", b"again", T)  # a repetition that was late
    assert await store.kept("oauth:x") is None
    assert await store.take("oauth:x") is None
    assert await store.take("oauth:y") is None


async def test_a_kept_value_is_kept_only_so_long(world: World, store: SessionStore) -> None:
    await store.keep("oauth:short", b"1", SHORT)
    await store.keep("oauth:long", b"2", T)
    await world.wait(SHORT)
    assert await store.kept("oauth:short") is None
    assert await store.take("oauth:short") is None
    assert await store.take("oauth:long") == b"2"


async def test_one_of_many_claims_a_name(world: World, store: SessionStore) -> None:
    others = [await world.store() for _ in range(4)]
    values = [b"\x00 %d" % number for number in range(12)]
    answers = await asyncio.gather(
        *(other.claim("exchange:x", value, T) for other, value in zip(others * 3, values, strict=True))
    )
    winner = values[answers.index(None)]
    assert [answer for answer in answers if answer is not None] == [winner] * 11
    assert await store.claim("exchange:x", winner, T) is None  # a repetition
    assert await store.claim("exchange:x", b"other", T, instead_of=b"not that") == winner
    assert await store.claim("exchange:x", b"other", T, instead_of=winner) is None
    assert await store.claim("exchange:x", b"late", T, instead_of=winner) == b"other"
    await store.keep("exchange:x", b"result", T)
    assert await store.claim("exchange:x", b"more", T) == b"result"


async def test_a_claim_ends(world: World, store: SessionStore) -> None:
    assert await store.claim("exchange:x", b"1", SHORT) is None
    await world.wait(SHORT)
    assert await store.claim("exchange:x", b"2", T) is None


async def test_check_answers_in_sentences(store: SessionStore) -> None:
    assert all(len(sentence) > 20 for sentence in await store.check())
