"""A session that its own version cannot rebuild ends in a reset, not in browsers that try for ever (I6)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tests.node.desk import desk

from flet_cluster.errors import SnapshotOutdated
from flet_cluster.model import NodeInfo, Record
from flet_cluster.node.departures import TRIES
from flet_cluster.node.vain import REMEMBERED, Vain
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    import pytest
    from tests.node.desk import Desk

    from flet_cluster.node.seat import Seat

ERROR = SnapshotOutdated("namedtuple_Row", "it is not here any more")


def two_nodes(work: Desk, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Another node with this version of the app lives."""

    async def nodes() -> list[NodeInfo]:
        return [NodeInfo(node_id, version, 1, False, 1) for node_id in (work.node.id, "another")]

    monkeypatch.setattr(work.store, "nodes", nodes)


async def comes_again(work: Desk, session_id: str) -> Seat:
    record = await work.store.acquire(session_id, work.node.id, 60)
    assert isinstance(record, Record)
    return work.node.seat_from(record, "token")


async def test_the_version_that_wrote_it_tries_a_few_times(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk() as work:
        two_nodes(work, monkeypatch, work.node.version)
        seat = work.seat
        codes: list[CloseCode] = []
        while CloseCode.LOST not in codes and len(codes) < 10:
            codes.append(await work.node.departures.reset(seat, ERROR))
            if codes[-1] is not CloseCode.LOST:
                seat = await comes_again(work, seat.id)
        assert codes == [*[CloseCode.NO_VERSION] * TRIES, CloseCode.LOST]
        assert await work.store.peek(seat.id) is None
        assert len([r for r in caplog.records if "cannot be rebuilt" in r.message]) < 5


async def test_while_another_node_has_its_version_a_session_waits_and_the_log_is_spared(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk() as work:
        two_nodes(work, monkeypatch, work.node.version)
        monkeypatch.setattr(work.node, "version", "newer")
        seat = work.seat
        with caplog.at_level(logging.ERROR):
            for _ in range(40):
                assert await work.node.departures.reset(seat, ERROR) is CloseCode.NO_VERSION
                seat = await comes_again(work, seat.id)
        assert len([r for r in caplog.records if "cannot be rebuilt" in r.message]) == len(
            (1, 2, 4, 8, 16, 32)
        )


def test_it_does_not_remember_without_end() -> None:
    vain = Vain()
    for number in range(2 * REMEMBERED):
        vain.add(str(number))
    assert vain.add("0") == 1
    assert vain.add(str(2 * REMEMBERED - 1)) == 2
