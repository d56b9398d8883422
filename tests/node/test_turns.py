"""Sessions of connected users that do nothing: how often the store hears of them (upkeep)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.node.desk import INSTANCE, GatedStore, Wire, desk

from flet_cluster.host.connection import ClientInfo

if TYPE_CHECKING:
    import pytest

    from flet_cluster.model import Touched
    from flet_cluster.node.seat import Seat

USERS = 60


class Rounds:
    """Which sessions were touched in each round."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ids: list[list[str]] = []
        touch = GatedStore.touch

        async def noting(store: GatedStore, session_ids: list[str], *args: Any) -> Touched:
            self.ids.append(list(session_ids))
            return await touch(store, session_ids, *args)

        monkeypatch.setattr(GatedStore, "touch", noting)
        monkeypatch.setattr("flet_cluster.node.upkeep.ROUND_SECONDS", 0.2)


async def test_each_session_has_its_turn_and_news_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = Rounds(monkeypatch)
    async with desk() as work:
        seats: list[Seat] = [work.seat]
        for number in range(USERS - 1):
            seat, wire = work.node.new_seat("", f"{INSTANCE}-{number}"), Wire()
            seat.attach(wire, seat.instance)
            seat.accept(1, wire.client.register(), ClientInfo())
            seats.append(seat)
        await work.until(lambda: all(seat.committed and seat.committer.idle for seat in seats))
        await work.until(lambda: not any(seat.diary.waiting() for seat in seats))
        begun = len(rounds.ids)
        await work.until(lambda: len(rounds.ids) >= begun + 6)
        turns = rounds.ids[begun : begun + 6]
        assert turns[:3] == turns[3:]
        assert Counter(id_ for ids in turns for id_ in ids) == {seat.id: 2 for seat in seats}
        assert all(USERS / 9 < len(ids) < USERS / 1.5 for ids in turns), "each round has as much to do"
        news = next(seat for seat in seats if seat.id in rounds.ids[-1])  # its turn is three rounds away
        told = len(rounds.ids)
        news.diary.note("something")
        await work.until(lambda: not news.diary.waiting())
        assert len(rounds.ids) == told + 1
        assert news.id in rounds.ids[-1]


async def test_short_lives_are_looked_after_in_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = Rounds(monkeypatch)
    async with desk(session_timeout=1.0) as work:
        await work.until(lambda: len(rounds.ids) >= 6)
        assert rounds.ids[-3:] == [[work.seat.id]] * 3
