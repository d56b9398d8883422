"""A pool of threads that is used up: it shows, and who waits is served in order."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import eventually, send
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.handlers.tools import Kinds

SIZE = 2


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"FLET_CLUSTER_LANE_THREADS": str(SIZE)}


@pytest.mark.parametrize("kinds", ["thread"], indirect=True)
async def test_a_pool_that_is_used_up_shows_and_serves_in_order(kinds: Kinds) -> None:
    async with contextlib.AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(kinds.tab(name)) for name in ("a", "b", "c", "d")]
        for tab in tabs:
            await tab.until(lambda tab=tab: "plus" in tab.client.texts())  # type: ignore[misc]
        holding, waiting = tabs[:SIZE], tabs[SIZE:]
        before = await asyncio.to_thread(kinds.metrics)
        assert (before["lane_threads"], before["lane_waiting"]) == (SIZE, 0)
        assert before["lane_exhausted_total"] == 0
        opens = [kinds.close_gate(name, "sync") for name in ("a", "b")]
        try:
            for tab, name in zip(holding, ("a", "b"), strict=True):
                send(tab, Click("sync"))
                await kinds.until_noted(name, "sync begin")
            for tab in waiting:
                send(tab, Click("plus"), Click("plus"))
            await eventually(lambda: "threads for sync handlers are in use" in kinds.log(), "the log tells")
            await eventually(
                lambda: kinds.metrics().get("lane_exhausted_total") == len(waiting), "the metrics tell"
            )
            full = await asyncio.to_thread(kinds.metrics)
            assert (full["lane_threads_busy"], full["lane_waiting"]) == (SIZE, len(waiting))
            assert not kinds.notes("c", "plus")
        finally:
            for let_go, tab in zip(opens, waiting, strict=True):
                let_go()
                await tab.until(lambda tab=tab: "2" in tab.client.texts())  # type: ignore[misc]
        after = await asyncio.to_thread(kinds.metrics)
        assert (after["lane_threads_busy"], after["lane_waiting"]) == (0, 0)
    first = [line for line in kinds.all_notes() if (line["kind"], line["what"]) == ("plus", "1")]
    assert [line["route"] for line in first] == ["c", "d"], "one thread was free, and took them in order"
    (line,) = [line for line in kinds.log().splitlines() if "threads for sync handlers are in use" in line]
    assert "FLET_CLUSTER_LANE_THREADS" in line
    assert line.count(".on_click (") == SIZE, "who has them"
    assert line.count("kinds.py:") == SIZE
