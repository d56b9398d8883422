"""What ``page.run_task`` returned is on the next node what it was: done or not, and who waits for it."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any

import pytest
from tests.node import futures_app
from tests.node.desk import INSTANCE, desk
from tests.steps import Click

from flet_cluster.host.live import LiveSession

if TYPE_CHECKING:
    from tests.node.desk import Desk


@pytest.fixture(autouse=True)
def app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.node.desk.main", futures_app.main)


def moved(live: LiveSession) -> LiveSession:
    """The session as another node gets it; its tasks have not begun again there."""
    picture = live.pictures.take()
    assert not picture.obstacle
    return LiveSession.restored(live.host, live.id, INSTANCE, live.listener, picture.graph)


def live_of(work: Desk) -> LiveSession:
    assert work.seat.live is not None
    return work.seat.live


async def test_a_future_that_is_done_is_done_everywhere() -> None:
    async with desk() as work:
        work.do(Click("start"))
        await work.until(lambda: work.shows("Count: 1"))
        live = live_of(work)
        await work.until(lambda: len(live.background.calls) == 2)
        work.do(Click("cancel"))
        await work.until(lambda: work.shows("Count: 2"))
        await work.until(lambda: len(live.background.calls) == 1)
        again = moved(live)
        for one in (again, moved(again)):
            futures: dict[str, concurrent.futures.Future[Any]] = one.page.data[0]
            _, pending = concurrent.futures.wait(futures.values(), timeout=0)
            assert not pending, "who cancels a call asks no other node to run it"
            assert not one.background.calls
            cancelled = {name for name, future in futures.items() if future.cancelled()}
            assert cancelled == {"cancelled", "stubborn", "given up"}
            assert futures["given"].result() == "result"
            assert isinstance(futures["refused"].exception(), futures_app.Refused)
            lost = futures["busy"].exception()
            assert isinstance(lost, RuntimeError)
            assert "too much" in str(lost)
        assert isinstance(live.page.data[0]["busy"].exception(), futures_app.Busy)


async def test_who_waits_for_a_future_is_told_where_its_call_ends() -> None:
    async with desk() as work:
        work.do(Click("ask"))
        await work.until(lambda: work.shows("Count: 3"))
        again = moved(moved(live_of(work)))
        again.background.restart()
        called = again.page.data[1]
        await work.until(lambda: len(called) == 2)
        assert sorted(called) == ["called with late", "waited for late"]
        await work.until(lambda: not again.page.data[0]["late"].call.callbacks)
        await work.until(lambda: not again.background.calls)
        assert not moved(again).background.calls
