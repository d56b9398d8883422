"""Threads for ``page.run_thread``, pauses of threads, and pictures while threads run."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, cast

import pytest

from flet_cluster.errors import GraphChanged, NotPortable
from flet_cluster.events import NullObserver
from flet_cluster.host import camera
from flet_cluster.host.camera import Camera, alone
from flet_cluster.host.pause import Pause
from flet_cluster.host.threads import PageThreads

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.host.session import HostSession


class Counting(NullObserver):
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str, /, amount: int = 1, **_: str) -> None:
        self.counts[name] += amount


def test_endless_calls_keep_no_other_from_running() -> None:
    end = threading.Event()
    threads = PageThreads(200, NullObserver())
    endless = [threads.submit(end.wait) for _ in range(100)]
    assert threads.submit(lambda: "runs").result(10) == "runs"
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "page-thread")
    end.set()
    assert all(future.result(10) for future in endless)


def test_what_is_too_much_waits_and_is_counted() -> None:
    end, observer = threading.Event(), Counting()
    threads = PageThreads(2, observer)
    for _ in range(2):
        threads.submit(end.wait)
    late = [threads.submit(int, str(number)) for number in range(3)]
    assert not any(future.done() for future in late)
    assert observer.counts["page_threads_exhausted"] == 3
    end.set()
    assert [future.result(10) for future in late] == [0, 1, 2]


def test_a_system_without_threads_makes_calls_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    end, observer = threading.Event(), Counting()
    threads = PageThreads(100, observer)
    first = threads.submit(end.wait)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    second = threads.submit(lambda: "second")
    assert observer.counts["page_threads_exhausted"] == 1
    end.set()
    assert (first.result(10), second.result(10)) == (True, "second")


def test_an_error_is_in_the_future() -> None:
    with pytest.raises(ZeroDivisionError):
        PageThreads(1, NullObserver()).submit(lambda: 1 / 0).result(10)


def test_after_the_end_nothing_starts() -> None:
    end = threading.Event()
    threads = PageThreads(1, NullObserver())
    threads.submit(end.wait)
    late = threads.submit(int)
    threads.shutdown()  # although it waits by default: not for what may never end
    assert late.cancelled()
    with pytest.raises(RuntimeError):
        threads.submit(int)
    end.set()


async def test_a_pause_does_not_wait_for_a_loop_that_waits_for_the_thread() -> None:
    loop, lock, held = asyncio.get_running_loop(), threading.Lock(), threading.Event()
    ran: list[Pause] = []

    def work() -> None:
        with lock:  # an app's own, which its async handlers take too
            held.set()
            Pause(loop, 0.05).take(ran.append)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    held.wait(10)
    with lock:  # on the loop: for ever, if the thread waited for the loop
        pass
    await asyncio.to_thread(thread.join, 10)
    await asyncio.sleep(0)
    assert not ran, "what comes late finds that the thread has gone on"


class FakeSession:
    patches = patching = 0


def picture(script: list[str | Exception]) -> Callable[[], bytes]:
    """Shoot what the script says, one after the other."""

    def shoot() -> bytes:
        outcome = script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome.encode()

    return shoot


SESSION = cast("HostSession", FakeSession())


async def test_a_picture_is_taken_again_when_something_changed() -> None:
    before = sys.getswitchinterval()
    cam = Camera(asyncio.get_running_loop(), lambda: None)
    assert cam.take(SESSION, picture([GraphChanged("d"), GraphChanged("d"), "good"])) == (b"good", "")
    with pytest.raises(GraphChanged):
        cam.take(SESSION, picture([GraphChanged("d")] * 3))
    assert sys.getswitchinterval() == before


async def test_what_always_changes_is_an_obstacle_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "PATIENCE", 0.0)
    cam = Camera(asyncio.get_running_loop(), lambda: None)
    with pytest.raises(GraphChanged):
        cam.take(SESSION, picture([GraphChanged("d")] * 3))
    await asyncio.sleep(0.001)
    graph, obstacle = cam.take(SESSION, picture([GraphChanged("the dict")] * 3))
    assert not graph
    assert "the dict" in obstacle


async def test_a_failure_that_takes_long_is_not_found_anew_at_each_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera, "SLOW", 0.0)
    monkeypatch.setattr(camera, "PAUSE", 1e6)
    loop, again = asyncio.get_running_loop(), asyncio.Event()
    cam = Camera(loop, again.set)
    assert cam.take(SESSION, picture([NotPortable("page", "deep")])) == (b"", "page: deep")
    for _ in range(10):
        assert cam.take(SESSION, picture([])) == (b"", "page: deep")
    assert not again.is_set()
    monkeypatch.setattr(cam, "_not_before", loop.time())
    cam._asked = False
    assert cam.take(SESSION, picture(["good"])) == (b"good", "")


async def test_a_commit_without_a_look_is_followed_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "SLOW", 0.0)
    again = asyncio.Event()
    cam = Camera(asyncio.get_running_loop(), again.set)
    cam.take(SESSION, picture([NotPortable("page", "deep")]))
    monkeypatch.setattr(cam, "_not_before", cam._loop.time() + 0.01)
    cam.take(SESSION, picture([]))
    await asyncio.wait_for(again.wait(), 10)


def test_threads_are_held_off_and_let_go_again() -> None:
    before = sys.getswitchinterval()
    with alone(0.5):
        assert sys.getswitchinterval() == pytest.approx(0.5)
    assert sys.getswitchinterval() == before
