"""A session that cannot be rebuilt is lost only if that is certain."""

from __future__ import annotations

import pytest
from tests.node.desk import desk

from flet_cluster.errors import SessionDeleted, SnapshotError
from flet_cluster.node.departures import TRIES
from flet_cluster.protocol.close import CloseCode


async def test_what_may_pass_is_tried_again_before_a_session_is_deleted() -> None:
    failure = SnapshotError("the snapshot cannot be rebuilt")
    failure.__cause__ = OSError("too many open files")
    async with desk() as work:
        seat, store = work.seat, work.store
        for _ in range(TRIES):
            assert await work.node.departures.reset(seat, failure) is CloseCode.NOT_REBUILT
            record = await store.acquire(seat.id, work.node.id, 60.0)
            seat = work.node.seat_from(record, seat.token)  # type: ignore[arg-type]  # free, so not Held
        assert await work.node.departures.reset(seat, failure) is CloseCode.LOST
        with pytest.raises(SessionDeleted):
            await store.acquire(seat.id, work.node.id, 60.0)


async def test_what_the_record_itself_lacks_is_lost_at_once() -> None:
    async with desk() as work:
        error = SnapshotError("the session could not travel")
        assert await work.node.departures.reset(work.seat, error) is CloseCode.LOST
