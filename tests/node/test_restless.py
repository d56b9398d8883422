"""Of many sessions, those stay awake whose users come back again and again (hibernation)."""

from __future__ import annotations

from tests.node.desk import Desk, desk

from flet_cluster.node.hibernation import MANY, MORE


def wakes(work: Desk, slept: float) -> None:
    """The session was put to sleep to make room, and is rebuilt after so many seconds."""
    work.seat.used = work.node.loop.time()
    work.seat.slept = work.seat.used - slept
    work.node.hibernation.woke(work.seat, 1000.0)


def room(work: Desk) -> float:
    """How many may stay awake after the next sweep."""
    work.node.hibernation._learn()
    return work.node.hibernation._many


async def test_who_comes_back_again_and_again_stays_awake() -> None:
    async with desk() as work:
        wakes(work, 20)
        assert room(work) == MANY, "once is no habit"
        wakes(work, 20)
        assert room(work) == MANY + 1, "as many as there are"
        wakes(work, 100)  # it would have been asleep anyway
        assert room(work) == MANY
        wakes(work, 20)
        assert room(work) == MANY
        wakes(work, 1)
        assert MANY < room(work) <= MANY * MORE


async def test_who_had_his_time_counts_for_nothing() -> None:
    async with desk() as work:
        for _ in range(3):
            work.seat.used, work.seat.slept = work.node.loop.time(), 0.0
            work.node.hibernation.woke(work.seat, 1000.0)
            assert room(work) == MANY
