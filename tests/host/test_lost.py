"""Tasks that cannot move are lost in an orderly way."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

from flet_cluster.errors import NotPortable
from flet_cluster.host import lost
from flet_cluster.snapshot import CodeIndex, Portables, capture, restore


def move(root: object) -> SimpleNamespace:
    portables = Portables()
    lost.register(portables)
    code, externals = CodeIndex(lambda _: False), {"loop": asyncio.get_running_loop()}
    moved = restore(capture(root, code, portables, externals), code, portables, externals)
    assert isinstance(moved, SimpleNamespace)
    return moved


async def test_a_running_task_arrives_cancelled_with_its_name() -> None:
    task = asyncio.create_task(asyncio.sleep(60), name="poll")
    moved = move(SimpleNamespace(task=task))
    again = move(moved)
    for arrived in (moved.task, again.task):
        assert isinstance(arrived, lost.LostTask)
        assert arrived.get_name() == "poll"
        assert arrived.cancelled()
        assert not arrived.cancel()
    task.cancel()


async def test_a_finished_task_keeps_its_outcome() -> None:
    good = asyncio.create_task(asyncio.sleep(0, "result"))
    bad = asyncio.create_task(asyncio.wait_for(asyncio.Event().wait(), 0.001))
    gone = asyncio.create_task(asyncio.sleep(60))
    gone.cancel()
    await asyncio.wait([good, bad, gone])
    moved = move(SimpleNamespace(good=good, bad=bad, gone=gone))
    assert await moved.good == "result"
    with pytest.raises(TimeoutError):
        await moved.bad
    assert moved.gone.cancelled()
    assert isinstance(bad.exception(), TimeoutError)


async def test_timers_that_are_over_arrive_as_such() -> None:
    handle, timer = asyncio.get_running_loop().call_later(3600, int), threading.Timer(0, int)
    with pytest.raises(NotPortable, match="before it was due"):
        move(SimpleNamespace(handle=handle))
    with pytest.raises(NotPortable, match="threads cannot travel"):
        move(SimpleNamespace(timer=timer))
    handle.cancel()
    timer.start()
    timer.join()
    moved = move(SimpleNamespace(handle=handle, timer=timer))
    assert moved.handle.cancelled()
    assert isinstance(moved.timer, threading.Timer)
    assert not moved.timer.is_alive()
