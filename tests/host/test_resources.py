"""Handles of what cannot travel: opened once, closed once, with errors that help."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import flet as ft
import pytest
from flet.controls.context import _context_page

import flet_cluster
from flet_cluster.host.resources import Resources, all_closed
from flet_cluster.snapshot import CodeIndex, Portables, capture, restore

if TYPE_CHECKING:
    from collections.abc import Iterator


class Thing:
    """Something with a state."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Live:
    """As much of a session as a handle sees."""

    def __init__(self) -> None:
        self.resources = Resources()
        self.host = SimpleNamespace(loop=asyncio.get_running_loop(), closing=set())
        self.page: Any = SimpleNamespace(session=SimpleNamespace(live=self))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Code of this session runs."""
        token = _context_page.set(self.page)
        try:
            yield
        finally:
            _context_page.reset(token)

    async def leave(self) -> None:
        self.resources.leave(self)  # type: ignore[arg-type]  # all that it needs
        await all_closed(self.host.closing)


async def test_it_is_open_as_long_as_a_session_uses_it() -> None:
    handle = flet_cluster.resource(Thing)
    one, other = Live(), Live()
    with one.running():
        thing = handle.get()
    with other.running():
        assert handle.get() is await handle.aget() is thing
    await one.leave()
    assert thing.closed == 0
    await other.leave()
    assert thing.closed == 1
    with one.running(), pytest.raises(RuntimeError, match="has left this node"):
        handle.get()
    third = Live()
    with third.running():
        assert handle.get() is not thing
    await third.leave()


async def test_many_threads_open_it_once() -> None:
    made: list[Thing] = []

    def slow() -> Thing:
        time.sleep(0.02)
        made.append(Thing())
        return made[-1]

    handle = flet_cluster.resource(slow)
    barrier = threading.Barrier(4)

    def ask() -> Thing:
        barrier.wait()
        return handle.get()

    things = await asyncio.gather(*(asyncio.to_thread(ask) for _ in range(4)))
    assert {id(thing) for thing in things} == {id(made[0])}
    handle.close()
    assert made[0].closed == 1


async def test_a_session_that_left_while_it_was_opened_keeps_nothing_open() -> None:
    made = Thing()
    going, gone = threading.Event(), threading.Event()

    def slow() -> Thing:
        going.set()
        gone.wait()
        return made

    handle = flet_cluster.resource(slow)
    live = Live()
    with live.running():
        asking = asyncio.create_task(asyncio.to_thread(handle.get))
    await asyncio.to_thread(going.wait)
    await live.leave()
    gone.set()
    with pytest.raises(RuntimeError, match="has left this node"):
        await asking
    assert made.closed == 1


async def test_async_factories_and_context_managers() -> None:
    steps: list[str] = []

    async def connect() -> Thing:
        await asyncio.sleep(0)
        return Thing()

    @contextlib.asynccontextmanager
    async def pool() -> Any:
        steps.append("in")
        yield "pool"
        steps.append("out")

    opened = flet_cluster.resource(connect)
    with pytest.raises(TypeError, match=r"await \.aget\(\)"):
        opened.get()
    one, same = await asyncio.gather(opened.aget(), opened.aget())
    assert one is same is opened.get()
    await opened.aclose()
    assert one.closed == 1

    pooled = flet_cluster.resource(pool)
    live = Live()
    with live.running():
        assert await pooled.aget() == "pool"
    await live.leave()
    assert steps == ["in", "out"]


async def test_what_closing_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Thing) -> None:
        raise OSError("no way")

    handle = flet_cluster.resource(Thing, close=broken)
    live = Live()
    with live.running():
        handle.get()
    await live.leave()
    assert "could not be closed" in caplog.text
    assert "no way" in caplog.text


async def test_a_factory_that_fails_is_asked_again() -> None:
    outcomes: list[Any] = [OSError("not now"), Thing()]

    def connect() -> Thing:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    handle = flet_cluster.resource(connect)
    with pytest.raises(OSError, match="not now"):
        handle.get()
    assert isinstance(handle.get(), Thing)


HANDLE = flet_cluster.resource(Thing)


def test_it_travels_as_its_factory() -> None:
    code = CodeIndex(lambda name: name == __name__)
    local = flet_cluster.resource(Thing)
    opened = local.get()
    held = {"local": local, "again": local, "module": HANDLE}
    moved = restore(capture(held, code, Portables()), code, Portables())
    assert moved["local"] is moved["again"] is not local
    assert moved["local"].get() is not opened
    assert moved["module"] is HANDLE


def test_mistakes_are_explained() -> None:
    with pytest.raises(TypeError, match="takes a function without arguments"):
        flet_cluster.resource(Thing())  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="takes a function without arguments"):
        flet_cluster.resource(lambda needed: needed)  # type: ignore[arg-type,misc]
    with pytest.raises(AttributeError, match=r"no 'execute': \.get\(\)"):
        _ = flet_cluster.resource(Thing).execute
    assert "Thing, closed" in repr(flet_cluster.resource(Thing))


def test_hooks_explain_mistakes() -> None:
    live = SimpleNamespace(hooks=SimpleNamespace(restore=[], interrupted=[]))
    page: Any = SimpleNamespace(session=SimpleNamespace(live=live))
    for register in (flet_cluster.on_restore, flet_cluster.on_interrupted):
        with pytest.raises(TypeError, match="is not a page"):
            register(ft.Text(""), print)
        for wrong in (3, lambda one, two: None):
            with pytest.raises(TypeError, match="takes nothing or one thing"):
                register(page, wrong)  # type: ignore[arg-type]
        register(SimpleNamespace(session=object()), print)  # Flet's own server: nothing to do
    for handler in (print, print, len):
        flet_cluster.on_restore(page, handler)
    assert live.hooks.restore == [print, len]
    for number in range(98):
        flet_cluster.on_restore(page, lambda n=number: n)
    with pytest.raises(ValueError, match="register one once"):
        flet_cluster.on_restore(page, lambda: None)


def test_outside_of_an_event_there_is_none() -> None:
    assert flet_cluster.current_event() is None
