"""Weak references, locks, events, futures, context variables and other things of the standard library."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import logging
import sys
import threading
import types
import weakref
from collections import Counter, OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from flet_cluster.errors import GraphChanged, NotPortable, SnapshotError
from flet_cluster.snapshot import report

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

NODE = """
class Node:
    def __init__(self, **values): self.__dict__.update(values)
    def on_change(self): return self
"""


class Loop(asyncio.SelectorEventLoop):
    """A loop that is closed when the test ends."""


def test_weak_references(app: AppFolder) -> None:
    node = app.load(NODE).Node
    parent = node(name="p")
    child = node(parent=weakref.ref(parent), gone=weakref.ref(node()))
    parent.child = child
    parent.method = weakref.WeakMethod(parent.on_change)
    parent.proxy = weakref.proxy(child)
    copied: Any = app.copy(parent)
    assert copied.child.parent() is copied
    assert copied.child.gone() is None
    assert copied.method()() is copied
    assert copied.proxy.parent() is copied


def test_weak_containers(app: AppFolder) -> None:
    node = app.load(NODE).Node
    one = node()
    one.index = weakref.WeakValueDictionary({1: one})
    one.keys = weakref.WeakKeyDictionary({one: "k"})
    one.handler = one.on_change
    one.listeners = weakref.WeakSet([one.handler, one])
    copied = app.copy(one)
    assert copied.index[1] is copied
    assert copied.keys[copied] == "k"
    assert copied.handler in copied.listeners
    assert len(copied.listeners) == 2


def test_weakly_held_objects_die_after_restore(app: AppFolder) -> None:
    node = app.load(NODE).Node
    held = node()
    copied = app.copy({"ref": weakref.ref(held)})
    assert copied["ref"]() is None


def test_finalizers(app: AppFolder) -> None:
    module = app.load(NODE + "LOG = []\n")
    one = module.Node()
    one.end = weakref.finalize(one, module.LOG.append, 1)
    one.dead = weakref.finalize(one, int)
    one.dead.detach()
    one.end.atexit = False
    copied = app.copy(one)
    assert copied.end.alive
    assert not copied.dead.alive
    del copied
    gc.collect()
    assert module.LOG == [1]


def test_free_locks_and_events(app: AppFolder) -> None:
    event, unset, condition, semaphore = (
        threading.Event(), threading.Event(), threading.Condition(), threading.Semaphore(3)
    )  # fmt: skip
    event.set()
    lock, rlock = threading.Lock(), threading.RLock()
    root = [lock, rlock, event, unset, condition, semaphore, lock]
    copied = app.copy(root)
    assert copied[0] is copied[6]
    assert copied[0].acquire(blocking=False)
    assert copied[1].acquire(blocking=False)
    assert copied[2].is_set()
    assert not copied[3].is_set()
    with copied[4]:
        copied[4].notify_all()
    assert [copied[5].acquire(blocking=False) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock])
def test_a_held_lock_cannot_travel(app: AppFolder, make: Any) -> None:
    lock = make()
    with lock, pytest.raises(NotPortable, match="lock is held") as caught:
        app.capture({"lock": [lock]})
    assert caught.value.path.startswith("page['lock'][0]")
    app.capture(lock)


def test_asyncio_primitives_keep_state_and_drop_waiters(app: AppFolder) -> None:
    async def make() -> dict[str, Any]:
        queue: asyncio.Queue[int] = asyncio.Queue(5)
        queue.put_nowait(7)
        event, lock, semaphore, condition = (
            asyncio.Event(),
            asyncio.Lock(),
            asyncio.Semaphore(2),
            asyncio.Condition(),
        )
        ready = asyncio.Event()
        ready.set()
        waiter = asyncio.ensure_future(event.wait())
        await lock.acquire()
        await semaphore.acquire()
        await asyncio.sleep(0)
        root = {"q": queue, "e": event, "r": ready, "l": lock, "s": semaphore, "c": condition}
        data = app.capture(root)
        waiter.cancel()
        return {"data": data}

    async def use(data: bytes) -> None:
        root = app.restore(data)
        assert await root["q"].get() == 7
        root["e"].set()
        await root["e"].wait()
        await root["r"].wait()
        async with root["l"], root["c"]:
            root["c"].notify_all()
        assert root["s"]._value == 1

    asyncio.run(use(asyncio.run(make())["data"]))


def test_finished_futures_and_tasks(app: AppFolder) -> None:
    done: concurrent.futures.Future[int] = concurrent.futures.Future()
    done.set_result(3)
    failed: concurrent.futures.Future[int] = concurrent.futures.Future()
    failed.set_exception(ValueError("no"))

    async def run() -> None:
        async def work() -> str:
            return "done"

        task = asyncio.ensure_future(work())
        await task
        loop = asyncio.get_running_loop()
        pending: asyncio.Future[int] = loop.create_future()
        copied = app.copy([task, done, failed], {"loop": loop})
        assert await copied[0] == "done"
        assert copied[1].result() == 3
        assert isinstance(copied[2].exception(), ValueError)
        with pytest.raises(NotPortable, match="running"):
            app.capture([pending], {"loop": loop})
        pending.cancel()

    asyncio.run(run())
    with pytest.raises(NotPortable, match="pending"):
        app.capture([concurrent.futures.Future()])


def test_threads(app: AppFolder) -> None:
    finished = threading.Thread(target=int, name="worker")
    finished.start()
    finished.join()
    copied = app.copy([finished])[0]
    assert (copied.name, copied.is_alive()) == ("worker", False)
    go = threading.Event()
    running = threading.Thread(target=go.wait)
    running.start()
    with pytest.raises(NotPortable, match="thread"):
        app.capture([running])
    go.set()
    running.join()


def test_context_variables(app: AppFolder) -> None:
    with pytest.raises(NotPortable, match="context variable 'local'"):
        app.capture([contextvars.ContextVar("local")])


ASYNC = """
def make(x):
    async def count(upto, *, by=1):
        for number in range(0, upto, by):
            yield number + x
    return count
"""


async def test_async_generators(app: AppFolder) -> None:
    count = app.load(ASYNC).make(10)
    assert [number async for number in app.copy(app.copy(count(4, by=2)))] == [10, 12]
    running = count(2)
    await anext(running)
    with pytest.raises(NotPortable, match="running async_generator"):
        app.capture({"g": running})
    assert [number async for number in running] == [11]
    assert [number async for number in app.copy(running)] == []


EXITS = """
class Stays:
    def __reduce__(self): raise SystemExit(3)
class Leaves:
    def __init__(self): self.x = 1
    def __setstate__(self, state):
        if leave: raise SystemExit(3)
leave = True
"""


def test_a_class_cannot_end_the_process(app: AppFolder) -> None:
    module = app.load(EXITS)
    with pytest.raises(NotPortable, match=r"page\['held'\] → sample.Stays"):
        app.capture({"held": module.Stays()})
    with pytest.raises(NotPortable, match=r"page\[0\] → sample.Leaves: it can be taken apart"):
        app.capture([module.Leaves()])
    module.leave = False
    data = app.capture([module.Leaves()])
    module.leave = True
    with pytest.raises(SnapshotError, match="cannot be rebuilt"):
        app.restore(data)


def test_generators_that_run(app: AppFolder) -> None:
    generator = iter(item for item in [1])
    next(generator)
    with pytest.raises(NotPortable, match="running generator"):
        app.capture({"g": generator})
    assert list(generator) == []
    assert list(app.copy(generator)) == []


def test_modules_loggers_streams_descriptors(app: AppFolder) -> None:
    proxy = types.MappingProxyType({"a": 1})
    prop = property(len, doc="size")
    root = [
        sys,
        logging.getLogger("a.b"),
        sys.stdout,
        proxy,
        prop,
        staticmethod(len),
        deque([1], 3),
        object(),
    ]
    copied = app.copy(root)
    assert copied[:3] == root[:3]
    assert copied[3] == proxy
    assert copied[4].fget is len
    assert copied[4].__doc__ == "size"
    assert copied[5].__func__ is len
    assert copied[6] == deque([1])
    assert type(copied[7]) is object


def test_code_objects_do_not_travel(app: AppFolder) -> None:
    with pytest.raises(NotPortable, match="no code"):
        app.capture([test_code_objects_do_not_travel.__code__])


def test_very_deep_graphs(app: AppFolder) -> None:
    node = app.load(NODE).Node
    head = None
    for _ in range(20_000):
        head = node(next=head)
    copied, count = app.copy(head), 0
    while copied is not None:
        copied, count = copied.next, count + 1
    assert count == 20_000
    while head is not None:  # take it apart: freeing it in one go recurses as deep
        head = head.next


def test_a_chain_that_is_too_long_is_named_without_a_walk_over_all_of_it(
    app: AppFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, looked_at = app.load(NODE).Node, Counter[str]()
    edges = report._edges

    def counting(*args: Any) -> Any:
        looked_at["objects"] += 1
        return edges(*args)

    monkeypatch.setattr(report, "_edges", counting)
    head = None
    for _ in range(300_000):
        head = node(next=head)
    with pytest.raises(NotPortable, match="too long a chain") as caught:
        app.capture(head)
    assert looked_at["objects"] <= report._MOST_OBJECTS
    assert len(str(caught.value)) < 500
    while head is not None:
        head = head.next


def test_the_path_to_something_far_down_is_short(app: AppFolder) -> None:
    node = app.load(NODE).Node
    head = node(next=memoryview(b""))
    for _ in range(200):
        head = node(next=head)
    with pytest.raises(NotPortable, match="memoryview") as caught:
        app.capture(head)
    assert "…" in caught.value.path
    assert len(caught.value.path) < 400


GROWING = (
    NODE
    + """
class Growing:
    def __init__(self, into): self.into = into
    def __reduce__(self):
        self.into[len(self.into)] = None  # what another thread would do in the middle
        return Growing, (None,)
"""
)


def test_what_changes_while_it_is_written_says_nothing_of_what_can_travel(app: AppFolder) -> None:
    items: dict[Any, Any] = {"one": 1}
    items["growing"] = app.load(GROWING).Growing(items)
    with pytest.raises(GraphChanged):
        app.capture(items)
    del items["growing"]
    app.capture(items)


def test_views_of_dicts(app: AppFolder) -> None:
    prices: Any = {"tea": 2}
    ordered = OrderedDict(a=1)
    views = (prices.keys(), prices.values(), prices.items(), ordered.keys(), ordered.items())
    copied, others = app.copy((prices, views))
    copied["milk"] = 1
    assert list(others[0]) == ["tea", "milk"]
    assert list(others[1]) == [2, 1]
    assert ("milk", 1) in others[2]
    assert [list(other) for other in others[3:]] == [["a"], [("a", 1)]]
    prices["names"] = prices.keys()
    assert "names" in app.copy(prices)["names"]


def test_an_executor_is_one_without_jobs(app: AppFolder) -> None:
    begun = app.load("BEGUN = []\n").BEGUN
    with (
        ThreadPoolExecutor(2, "work", begun.append, ("thread",)) as executor,
        app.copy(executor) as copied,
    ):
        assert executor.submit(int, "1").result() == 1
        assert copied is not executor
        assert copied.submit(threading.current_thread).result().name == "work_0"
    assert begun == ["thread", "thread"]
    with pytest.raises(RuntimeError, match="after shutdown"):
        app.copy(executor).submit(int)
