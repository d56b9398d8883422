"""When output may leave a node, and when nothing may leave it any more (I1, I2)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.node.desk import INSTANCE, Wire, desk
from tests.steps import Change, Click, Find

from flet_cluster.errors import StoreUnavailable
from flet_cluster.model import Record
from flet_cluster.node import committer
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import Hello

if TYPE_CHECKING:
    from tests.node.desk import Desk

HELD = 0.05
"""Long enough for anything that does not wait for the gate to get past it, seconds."""


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer, "RETRY_SECONDS", 0.01)


async def test_nothing_is_sent_before_the_session_exists_in_the_store() -> None:
    async with desk(registered=False) as work:
        work.store.gate.clear()
        work.give(work.wire.client.register())
        await work.until(lambda: work.store.attempts)
        await asyncio.sleep(HELD)
        assert (work.wire.frames, work.wire.rx) == ([], 0)
        work.store.gate.set()
        await work.until(lambda: work.shows("Count: 0"))


async def test_output_and_acknowledgement_wait_for_the_commit() -> None:
    async with desk() as work:
        before, rx = list(work.wire.frames), work.wire.rx
        work.store.gate.clear()
        work.do(Click("plus"))
        await work.until(lambda: work.store.attempts[-1].rx == work.sent)
        await asyncio.sleep(HELD)
        assert (work.wire.frames, work.wire.rx) == (before, rx)
        work.store.gate.set()
        await work.settle()
        assert work.shows("Count: 1")


async def test_messages_to_others_wait_for_the_commit() -> None:
    async with desk() as work:
        published = work.note_published()
        work.store.gate.clear()
        tried = len(work.store.attempts)
        work.do(Click("say"))
        await work.until(lambda: len(work.store.attempts) > tried)
        await asyncio.sleep(HELD)
        assert published == []
        work.store.gate.set()
        await work.settle()
        assert published == ["hello"]


async def test_snapshots_that_wait_become_one() -> None:
    async with desk() as work:
        tried = len(work.store.attempts)
        work.store.gate.clear()
        work.do(Click("plus"))
        await work.until(lambda: len(work.store.attempts) > tried)
        live = work.seat.live
        assert live is not None
        inputs = live.inputs
        for _ in range(10):
            work.do(Click("plus"))
            await work.until(lambda: live.lane.empty and not inputs.inbox and not inputs.progress.running)
        assert len(work.store.attempts) == tried + 1, "one write at a time"
        work.store.gate.set()
        await work.settle()
        assert work.shows("Count: 11")
        assert len(work.store.attempts) == tried + 2
        assert work.wire.frames == list(range(1, len(work.wire.frames) + 1)), "in order, each once"


async def test_messages_of_snapshots_that_became_one_are_all_sent() -> None:
    async with desk() as work:
        published = work.note_published()
        work.store.gate.clear()
        tried = len(work.store.attempts)
        work.do(Click("plus"))
        await work.until(lambda: len(work.store.attempts) > tried)
        live = work.seat.live
        assert live is not None
        for number in range(3):
            live.pubsub.send_all(number)
            work.seat.stage()
        work.store.gate.set()
        await work.settle()
        assert published == [0, 1, 2]
        assert len(work.store.attempts) == tried + 2


async def seize(work: Desk) -> None:
    """Another node takes the session by force."""
    taken = await work.store.acquire(work.seat.id, "another node", 60, seize=work.seat.lease)
    assert isinstance(taken, Record)


async def test_a_refused_commit_ends_the_seat_and_nothing_more_is_sent() -> None:
    async with desk() as work:
        before = list(work.wire.frames)
        await seize(work)
        work.do(Click("plus"))
        await work.until(lambda: work.wire.code)
        assert work.wire.code is CloseCode.MOVED
        assert work.seat.lost
        assert work.seat.id not in work.node.seats
        assert work.wire.frames == before
        record = await work.store.peek(work.seat.id)
        assert record is not None
        assert (record.owner, record.commit.rx) == ("another node", work.sent - 1)


async def test_output_staged_behind_a_refused_commit_is_dropped() -> None:
    async with desk() as work:
        before = list(work.wire.frames)
        work.store.gate.clear()
        tried = len(work.store.attempts)
        work.do(Click("plus"))
        await work.until(lambda: len(work.store.attempts) > tried)
        work.do(Click("plus"), Click("plus"))
        await asyncio.sleep(HELD)
        await seize(work)
        work.store.gate.set()
        await work.until(lambda: work.wire.code)
        await asyncio.sleep(HELD)
        assert work.wire.frames == before
        assert len(work.store.attempts) == tried + 1


async def test_a_commit_of_a_closed_session_is_not_a_resurrection() -> None:
    async with desk() as work:
        assert work.seat.lease is not None
        assert await work.store.delete(work.seat.lease)
        work.do(Click("plus"))
        await work.until(lambda: work.wire.code)
        assert work.wire.code is CloseCode.DELETED
        assert await work.store.peek(work.seat.id) is None


@pytest.mark.parametrize("written", [False, True])
async def test_a_write_without_answer_is_repeated_as_it_was(*, written: bool) -> None:
    async with desk() as work:
        tried = len(work.store.attempts)
        trouble = work.store.after if written else work.store.before
        trouble.extend([StoreUnavailable("no answer")] * 3)
        work.do(Click("plus"))
        await work.settle()
        assert work.shows("Count: 1")
        first, *again = work.store.attempts[tried:]
        assert len(again) == 3
        assert all(commit == first for commit in again)


async def test_after_the_patience_the_socket_closes_and_nothing_is_lost() -> None:
    async with desk(store_patience=0.05) as work:
        seen = len(work.wire.frames)
        work.store.before.extend([StoreUnavailable("away")] * 1000)
        work.do(Click("plus"))
        await work.until(lambda: work.wire.code)
        assert work.wire.code is CloseCode.STORE_UNAVAILABLE
        assert len(work.wire.frames) == seen
        work.seat.detach(work.wire, for_good=False)

        again = Wire(work.wire.client)
        rx = work.wire.rx
        assert work.seat.committed is not None
        resumed, replay = work.seat.resume(Hello(work.seat.token, INSTANCE, seen, rx))
        work.seat.attach(again, INSTANCE)
        assert (resumed, replay) == (True, []), "what is not committed is not replayed either"
        work.wire = again
        work.store.before.clear()
        await work.settle()
        assert again.frames == [seen + 1]
        assert work.shows("Count: 1")


async def test_a_store_that_lost_the_record_is_refilled() -> None:
    async with desk() as work:
        lease = work.seat.lease
        work.store.wipe()
        work.do(Click("plus"))
        await work.settle()
        assert work.shows("Count: 1")
        record = await work.store.peek(work.seat.id)
        assert record is not None
        assert record.lease == lease
        assert record.commit == work.seat.committed


async def test_typing_is_committed_without_output() -> None:
    async with desk() as work:
        frames = list(work.wire.frames)
        work.do(Change(Find(type="TextField"), "Ada"))
        await work.settle()
        assert work.wire.frames == frames


async def test_a_browser_that_knows_more_finds_the_seat_behind() -> None:
    async with desk() as work:
        rx, tx = work.wire.rx, len(work.wire.frames)
        assert not work.seat.is_behind(Hello(work.seat.token, INSTANCE, tx, rx))
        assert work.seat.is_behind(Hello(work.seat.token, INSTANCE, tx + 1, rx))
        assert work.seat.is_behind(Hello(work.seat.token, INSTANCE, tx, rx + 1))
        assert not work.seat.is_behind(Hello(work.seat.token, "instance-2", 0, 0))


async def test_a_session_is_not_given_up_for_a_newer_commit_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk() as work:
        refill = work.store.refill

        async def late(record: Record, timeout: float) -> bool:  # noqa: ASYNC109 - the contract's
            work.do(Click("plus"))
            await work.settle()
            return await refill(record, timeout)

        monkeypatch.setattr(work.store, "refill", late)
        await work.node._upkeep._refill(work.seat)
        assert not work.seat.lost
