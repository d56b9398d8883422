"""Sync handlers in worker threads, with everything Flet lets them do on the loop."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import time
import types
from typing import TYPE_CHECKING, Any

import pytest

from flet_cluster.host.lane import LanePool, LaneRun
from flet_cluster.host.loops import guard_loop, task_watcher
from flet_cluster.host.session_lane import _code_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine


@pytest.fixture
async def pool() -> AsyncIterator[LanePool]:
    loop = asyncio.get_running_loop()
    guard_loop(loop)
    lanes = LanePool(loop, 4)
    yield lanes
    lanes.shutdown()


async def run(pool: LanePool, coro: Coroutine[Any, Any, Any]) -> BaseException | None:
    ended: asyncio.Future[BaseException | None] = pool.loop.create_future()
    pool.start(coro, contextvars.Context(), ended.set_result)
    return await asyncio.wait_for(ended, 10)


def test_the_code_of_a_handler_is_looked_for_where_there_is_some() -> None:
    def plain() -> None:
        """Do nothing."""

    @functools.wraps(plain)
    def wrapped(*_: object) -> None:
        plain()

    code = plain.__code__
    assert [_code_of(it) for it in (plain, wrapped, types.MethodType(plain, 1))] == [code] * 3
    bound_to_c = types.MethodType(len, "as extension modules bind their methods")
    assert [_code_of(it) for it in (None, len, bound_to_c, functools.partial(plain))] == [None] * 4


async def call(function: Callable[[], Any]) -> None:
    function()


async def test_a_handler_runs_in_another_thread_and_leaves_the_loop_free(pool: LanePool) -> None:
    started, go_on = threading.Event(), threading.Event()
    threads: list[int] = []

    def handler() -> None:
        threads.append(threading.get_ident())
        started.set()
        go_on.wait(10)

    job = asyncio.create_task(run(pool, call(handler)))
    while not started.is_set():  # noqa: ASYNC110  turning is the point: the loop is free
        await asyncio.sleep(0)
    assert pool.busy == 1
    go_on.set()
    assert await job is None
    assert threads != [threading.get_ident()]
    assert pool.busy == 0


async def test_tasks_made_in_a_handler_start_when_it_has_returned(pool: LanePool) -> None:
    order: list[str] = []
    tasks: list[asyncio.Task[str]] = []

    async def later() -> str:
        order.append("task")
        await asyncio.sleep(0)
        assert asyncio.current_task() is tasks[0]
        return "result"

    def handler() -> None:
        tasks.append(asyncio.create_task(later(), name="mine"))
        time.sleep(0.02)
        order.append("handler")

    await run(pool, call(handler))
    assert await tasks[0] == "result"
    assert order == ["handler", "task"]
    assert tasks[0].get_name() == "mine"


async def test_a_task_can_be_cancelled_before_the_handler_returns(pool: LanePool) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def never() -> None:
        raise AssertionError("must not run")

    def handler() -> None:
        tasks.append(asyncio.create_task(never()))
        asyncio.get_running_loop().call_soon(tasks[0].cancel)
        time.sleep(0.02)

    await run(pool, call(handler))
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]


async def test_an_event_set_in_a_handler_wakes_who_waits_on_the_loop(pool: LanePool) -> None:
    event = asyncio.Event()

    def handler() -> None:
        event.set()

    await asyncio.gather(asyncio.wait_for(event.wait(), 10), run(pool, call(handler)))


async def test_loop_functions_work_in_a_handler(pool: LanePool) -> None:
    seen: list[Any] = []
    done = asyncio.Event()

    def handler() -> None:
        loop = asyncio.get_running_loop()
        seen.append(loop.time() > 0)
        loop.call_later(0.001, done.set)
        asyncio.ensure_future(asyncio.sleep(0, "x")).add_done_callback(lambda t: seen.append(t.result()))
        future = asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "from loop"), pool.loop)
        seen.append(future.result(10))

    assert await run(pool, call(handler)) is None
    await asyncio.wait_for(done.wait(), 10)
    await asyncio.sleep(0.01)
    assert seen == [True, "from loop", "x"]


async def test_the_handlers_context_is_the_one_given(pool: LanePool) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    context = contextvars.Context()
    context.run(variable.set, "mine")
    seen: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def in_task() -> None:
        seen.append(variable.get())

    def handler() -> None:
        seen.append(variable.get())
        tasks.append(asyncio.create_task(in_task()))

    ended: asyncio.Future[BaseException | None] = pool.loop.create_future()
    pool.start(call(handler), context, ended.set_result)
    await ended
    await tasks[0]
    assert seen == ["mine", "mine"]


async def test_tasks_are_reported_to_the_watcher_of_their_context(pool: LanePool) -> None:
    watched: list[str] = []
    context = contextvars.Context()
    context.run(task_watcher.set, lambda task: watched.append(task.get_name()))
    tasks: list[asyncio.Task[None]] = []

    def handler() -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(0), name="theirs"))

    ended: asyncio.Future[BaseException | None] = pool.loop.create_future()
    pool.start(call(handler), context, ended.set_result)
    await ended
    await tasks[0]
    assert len(watched) == 1
    unwatched = asyncio.create_task(asyncio.sleep(0))
    await unwatched
    assert len(watched) == 1


async def test_an_error_is_handed_over(pool: LanePool) -> None:
    def handler() -> None:
        raise SystemExit(3)

    assert isinstance(await run(pool, call(handler)), SystemExit)


async def test_a_pause_runs_on_the_loop_while_the_worker_waits(pool: LanePool) -> None:
    order: list[str] = []
    runs: list[LaneRun] = []
    loop_thread = threading.get_ident()

    async def generator_like() -> None:
        order.append("before")
        await asyncio.sleep(0)
        order.append("after")

    def at_pause() -> None:
        assert threading.get_ident() == loop_thread
        assert runs[0].paused
        order.append("snapshot")

    ended: asyncio.Future[BaseException | None] = pool.loop.create_future()
    gate = threading.Event()

    async def gated() -> None:
        gate.wait(10)
        await generator_like()

    runs.append(pool.start(gated(), contextvars.Context(), ended.set_result))
    runs[0].on_pause = at_pause
    gate.set()
    assert await asyncio.wait_for(ended, 10) is None
    assert order == ["before", "snapshot", "after"]
    assert not runs[0].paused


async def test_a_dispatch_that_awaits_a_future_gets_its_result(pool: LanePool) -> None:
    future: asyncio.Future[str] = pool.loop.create_future()
    seen: list[str] = []

    async def awaits() -> None:
        seen.append(await future)

    job = asyncio.create_task(run(pool, awaits()))
    await asyncio.sleep(0.01)
    future.set_result("value")
    assert await job is None
    assert seen == ["value"]


async def test_guarding_a_loop_twice_changes_nothing(pool: LanePool) -> None:
    before = pool.loop.call_soon
    guard_loop(pool.loop)
    assert pool.loop.call_soon is before
