"""Which threads and calls are a session's own work: what keeps it from leaving while it runs."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from flet_cluster.host.app_threads import AppThreads, app_threads, install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GO_ON = threading.Event()


class Session:
    """As far as its threads know it."""

    def __init__(self, is_app: Callable[[str], bool] = lambda name: name == __name__) -> None:
        self.ended = 0
        self.rests = asyncio.Event()
        self.threads = AppThreads(asyncio.get_running_loop(), is_app, self.note)

    def note(self) -> None:
        self.ended += 1
        if not self.threads.running:
            self.rests.set()

    def run(self, function: Callable[[], Any]) -> None:
        """Run code of the app in the session's context."""

        def inside() -> None:
            app_threads.set(weakref.ref(self.threads))
            function()

        contextvars.copy_context().run(inside)

    async def until_ended(self) -> None:
        GO_ON.set()
        await asyncio.wait_for(self.rests.wait(), 10)


@pytest.fixture(autouse=True)
def go_on() -> Iterator[None]:
    install()
    GO_ON.clear()
    yield
    GO_ON.set()


def module_function() -> None:
    GO_ON.wait()


def with_argument(_: object) -> None:
    GO_ON.wait()


class Worker(threading.Thread):
    """A thread as apps derive them."""

    def run(self) -> None:
        GO_ON.wait()


class Watcher:
    """An object of the app."""

    def watch(self) -> None:
        GO_ON.wait()


async def coroutine() -> None:
    await asyncio.to_thread(GO_ON.wait)


def closure() -> Callable[[], Any]:
    box: list[bool] = []
    return lambda: box.append(GO_ON.wait())


OWN: dict[str, Callable[[], Any]] = {
    "a closure": lambda: threading.Thread(target=closure()).start(),
    "a method": lambda: threading.Thread(target=Watcher().watch).start(),
    "a class": lambda: Worker().start(),
    "an argument": lambda: threading.Thread(target=with_argument, args=(1,)).start(),
    "a partial": lambda: threading.Thread(target=functools.partial(with_argument, 1)).start(),
    "a loop of its own": lambda: threading.Thread(target=asyncio.run, args=(coroutine(),)).start(),
    "a timer": lambda: threading.Timer(0.01, closure()).start(),
}


@pytest.mark.parametrize("kind", OWN)
async def test_own_work_is_noted_until_it_has_ended(kind: str) -> None:
    session = Session()
    session.run(OWN[kind])
    assert session.threads.running
    assert session.threads.described[0].startswith("thread ")
    await session.until_ended()
    assert session.ended == 1
    assert session.threads.unseen


async def test_a_thread_that_started_a_thread() -> None:
    """A timer that sets the next one."""
    session = Session()
    rounds = 0

    def tick() -> None:
        nonlocal rounds
        rounds += 1
        if rounds < 3:
            threading.Timer(0.01, tick).start()

    session.run(threading.Timer(0.01, tick).start)
    await session.until_ended()
    assert rounds == session.ended == 3


async def test_a_call_in_a_pool_is_noted_with_its_callbacks() -> None:
    session, heard = Session(), []
    with ThreadPoolExecutor(1) as pool:
        session.run(lambda: pool.submit(GO_ON.wait).add_done_callback(lambda _: heard.append(True)))
        assert session.threads.described == ["call of Event.wait in a pool"]
        await session.until_ended()
    assert heard == [True]


LIBRARY: dict[str, Any] = {"__name__": "library"}
"""A module that is none of the app's."""
exec(  # so that its functions know
    """
import threading

def call(function):
    function()

def start(target, *args):
    threading.Thread(target=target, args=args).start()
""",
    LIBRARY,
)


async def test_the_work_of_libraries_is_none_of_the_sessions() -> None:
    session, start = Session(), LIBRARY["start"]
    session.run(lambda: start(GO_ON.wait))
    session.run(threading.Thread(target=module_function).start)
    assert not session.threads.running
    session.run(lambda: start(LIBRARY["call"], closure()))
    assert session.threads.running, "a library calls the app back"
    await session.until_ended()


async def test_a_thread_that_cannot_start_is_not_waited_for() -> None:
    session = Session()
    thread = threading.Thread(target=closure(), daemon=True)

    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "_start_new_thread", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            session.run(thread.start)
    await session.until_ended()


async def test_threads_keep_nothing_of_their_session() -> None:
    session = Session()
    session.run(OWN["a closure"])
    left = weakref.ref(session.threads)
    del session
    assert left() is None
    GO_ON.set()
