"""Background work takes no step while its node may count as dead."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from flet_cluster.errors import StoreUnavailable
from flet_cluster.host.fence import Fence, SignOfLife, behind

TTL = 5.0


class Clock:
    """Time as a test has it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Live:
    """As much of a session as its fence sees. ``answers``: what the store says, in order."""

    def __init__(self, life: SignOfLife, *answers: bool | Exception) -> None:
        self.host = SimpleNamespace(life=life, loop=asyncio.get_running_loop())
        self.gone = False
        self.listener = self
        self.answers = list(answers)
        self.jobs: list[asyncio.Task[Any]] = []
        self.fence = Fence(self)  # type: ignore[arg-type]  # all that it needs

    @property
    def tasks(self) -> Live:
        return self

    def accompany(self, task: asyncio.Task[Any]) -> None:
        self.jobs.append(task)

    async def holds(self) -> bool:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.gone = not answer
        return answer


def test_a_lapse_is_seen_although_the_sign_is_valid_again() -> None:
    clock = Clock()
    life = SignOfLife(clock)
    assert life.valid
    life.confirmed(clock.now, TTL)
    clock.now += TTL - 1
    life.confirmed(clock.now, TTL)
    assert (life.valid, life.lapses) == (True, 0)
    clock.now += TTL
    assert not life.valid
    life.confirmed(clock.now, TTL)
    assert (life.valid, life.lapses) == (True, 1)


async def stepping(steps: list[int]) -> str:
    for number in range(3):
        steps.append(number)
        await asyncio.sleep(0)
    return "result"


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("answer", [True, False])
async def test_it_goes_on_if_the_session_is_still_here(answer: bool) -> None:
    clock = Clock()
    life = SignOfLife(clock)
    life.confirmed(clock.now, TTL)
    live = Live(life, StoreUnavailable("away"), answer)
    steps: list[int] = []
    clock.now += TTL
    task = asyncio.ensure_future(_as_coroutine(live, stepping(steps)))
    await turns()
    assert steps == []
    life.confirmed(clock.now, TTL)
    await asyncio.wait([task], timeout=0.5)
    assert (task.done(), steps) == (answer, [0, 1, 2] if answer else [])
    if answer:
        assert await task == "result"
    task.cancel()
    await asyncio.wait([task, *live.jobs])


async def _as_coroutine(live: Live, coro: Any) -> Any:
    return await behind(live.fence, coro)


async def test_results_errors_and_cancelling_pass_through() -> None:
    live = Live(SignOfLife())

    async def failing() -> None:
        await asyncio.sleep(0)
        raise KeyError("own")

    async def cleaning(done: list[str]) -> None:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 60)
        finally:
            await asyncio.sleep(0)
            done.append("cleaned")

    assert await _as_coroutine(live, asyncio.sleep(0.001, "value")) == "value"
    with pytest.raises(KeyError):
        await _as_coroutine(live, failing())
    with pytest.raises(TimeoutError):
        await _as_coroutine(live, asyncio.wait_for(asyncio.Event().wait(), 0.001))
    done: list[str] = []
    task = asyncio.ensure_future(_as_coroutine(live, cleaning(done)))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["cleaned"]
