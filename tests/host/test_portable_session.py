"""Details of a session's snapshot, in one process."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import sys
import weakref
from contextlib import closing
from typing import TYPE_CHECKING, Any

import flet as ft
import pytest
from flet.components.utils import _CURRENT_RENDERER
from flet.controls import client_action
from flet.controls.context import _context_page
from flet.messaging.session import Session
from tests.host.stage import RecordingConnection, register
from tests.virtual_loop import VirtualLoop

from flet_cluster.errors import FletNotSupported, NotPortable
from flet_cluster.host import fast, internals
from flet_cluster.host.portable import (
    capture_session,
    flet_portables,
    next_control_id,
    raise_control_id,
    restore_session,
    updates_due,
)
from flet_cluster.snapshot import CodeIndex

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bench:
    """Sessions on one loop, captured and restored in this process."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        asyncio.set_event_loop(self.loop)
        self.connection = RecordingConnection(self.loop)
        self.code = CodeIndex(lambda name: name == __name__)
        self.portables = flet_portables()

    @property
    def externals(self) -> dict[str, object]:
        return {"connection": self.connection, "pubsub": self.connection.pubsubhub, "loop": self.loop}

    def session(self) -> Session:
        session = Session(self.connection)
        register(session)
        _context_page.set(session.page)
        return session

    def capture(self, session: Session, extra: object = None) -> bytes:
        return capture_session(session, extra, self.code, self.portables, self.externals)

    def copy(self, session: Session, extra: object = None) -> tuple[Session, Any]:
        return restore_session(self.capture(session, extra), self.code, self.portables, self.externals)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    before = _context_page.get()
    yield bench
    _context_page.set(before)
    asyncio.set_event_loop(None)
    bench.loop.workers.shutdown()
    bench.loop.close()


GLOBAL_ITEMS: list[Any] = []


def test_the_connection_is_bound_anew(bench: Bench) -> None:
    session = bench.session()
    data = bench.capture(session)
    bench.connection = RecordingConnection(bench.loop)
    moved, _ = restore_session(data, bench.code, bench.portables, bench.externals)
    assert moved.connection is bench.connection
    assert vars(moved.pubsub_client)[internals.PUBSUB_HUB] is bench.connection.pubsubhub
    assert moved.id == session.id
    assert moved.page.session is moved


def test_a_disconnected_session_stays_disconnected(bench: Bench) -> None:
    session = bench.session()
    bench.loop.run_until_complete(session.disconnect(60))
    moved, _ = bench.copy(session)
    assert moved.connection is None
    assert moved.expires_at == session.expires_at


def test_pending_calls_and_tasks_stay_behind(bench: Bench) -> None:
    session = bench.session()
    call = bench.loop.create_task(session.invoke_method(1, "focus", None))
    bench.loop.run_until_idle()
    moved, _ = bench.copy(session)
    assert vars(moved)[internals.SESSION_METHOD_CALLS] == {}
    call.cancel()
    bench.loop.run_until_idle()


def test_the_updates_scheduler_is_reported(bench: Bench) -> None:
    session = bench.session()
    assert not updates_due(bench.copy(session)[0])
    bench.loop.call_soon(session.start_updates_scheduler)
    bench.loop.run_until_idle()
    moved, _ = bench.copy(session)
    assert updates_due(moved)
    assert updates_due(bench.copy(moved)[0])
    vars(session)[internals.SESSION_UPDATES_TASK].cancel()
    bench.loop.run_until_idle()


@pytest.mark.parametrize("thing", ["page", "session", "control"])
def test_another_session_cannot_be_reached(bench: Bench, thing: str) -> None:
    first, second = bench.session(), bench.session()
    text = ft.Text("mine")
    second.page.controls.append(text)
    second.page.update()
    first.page.data = {"seen": {"page": second.page, "session": second, "control": text}[thing]}
    with pytest.raises(NotPortable, match="another user") as caught:
        bench.capture(first)
    assert caught.value.path.startswith("page.data['seen']")
    second.page.data = "fine"
    bench.capture(second)


def test_the_path_begins_at_the_page(bench: Bench) -> None:
    session = bench.session()
    with closing(sqlite3.connect(":memory:")) as db:
        session.page.add(ft.Text("a"), ft.Row([ft.Text("b"), ft.Button("c", on_click=lambda e: db)]))
        with pytest.raises(NotPortable) as caught:
            bench.capture(session)
    expected = "page.views[0].controls[1].controls[1].on_click → closure 'db' → sqlite3.Connection"
    assert caught.value.path == expected


def test_control_ids_only_rise(bench: Bench) -> None:
    session = bench.session()
    mark = next_control_id()
    data = bench.capture(session)
    raise_control_id(mark + 500)
    restore_session(data, bench.code, bench.portables, bench.externals)
    assert next_control_id() == mark + 500
    assert ft.Text("x")._i == mark + 500
    raise_control_id(3)
    assert next_control_id() == mark + 501


def test_classes_that_main_makes_end_with_their_session(bench: Bench) -> None:
    """Their functions know the page: whoever remembers the class keeps the session."""
    fast.install()

    def main(page: ft.Page) -> None:
        @ft.control
        class Card(ft.Column):
            title: str = ""

            def before_update(self) -> None:
                assert isinstance(self, Card)
                assert page is not None

        page.add(Card([ft.Text("a")]))

    def refs_to(session: Session) -> list[weakref.ref[Any]]:
        card: Any = session.page.controls[0]
        card.title += "x"
        session.patch_control(session.page)
        bench.capture(session)
        return [weakref.ref(session.page), weakref.ref(type(card))]

    def life() -> list[weakref.ref[Any]]:
        session = bench.session()
        main(session.page)
        return refs_to(session) + refs_to(bench.copy(session)[0])

    refs = life()
    _context_page.set(None)
    bench.connection.packets.clear()
    gc.collect()
    assert [ref() for ref in refs] == [None] * 4


def test_services_are_dropped_at_the_same_moment(bench: Bench) -> None:
    session = bench.session()
    kept = ft.HapticFeedback()
    held = {"service": kept}
    ft.Clipboard()
    gc.collect()
    moved, extra = bench.copy(session, held)
    gc.collect()
    counts = [sys.getrefcount(service) for service in session.page._services._services]
    assert [sys.getrefcount(service) for service in moved.page._services._services] == [
        counts[0] - 1,
        counts[1],
    ]
    for one in (session, moved):
        _context_page.set(one.page)
        one.page._services.unregister_services()
        assert [type(service).__name__ for service in one.page._services._services] == ["HapticFeedback"]
    assert extra["service"] is moved.page._services._services[0]


def test_capture_while_flet_registers_a_service(bench: Bench) -> None:
    session = bench.session()
    with session.page._services._lock:
        moved, _ = bench.copy(session)
    assert not moved.page._services._lock.locked()


def test_shared_services_of_client_actions(bench: Bench) -> None:
    session = bench.session()
    service = client_action.shared_service(ft.Clipboard)
    moved, _ = bench.copy(session)
    _context_page.set(moved.page)
    again = client_action.shared_service(ft.Clipboard)
    assert again in moved.page._services._services
    assert again is not service


def test_lazy_icons_and_enums_are_the_same_objects(bench: Bench) -> None:
    session = bench.session()
    unnamed = ft.Icon(type(ft.Icons.ADD)(ft.Icons.ADD.value + 1)).icon
    icons = [ft.Icons.ADD, ft.CupertinoIcons.ADD, ft.MainAxisAlignment.CENTER, unnamed]
    _, extra = bench.copy(session, icons)
    assert all(one is other for one, other in zip(icons, extra, strict=True))


def test_controls_named_by_a_global_travel_with_the_session(bench: Bench) -> None:
    session = bench.session()
    text = ft.Text("global")
    globals()["GLOBAL_TEXT"] = text
    session.page.add(text)
    moved, _ = bench.copy(session, GLOBAL_ITEMS)
    assert moved.page.controls[0] is not text
    assert moved.index[text._i] is moved.page.controls[0]
    assert bench.copy(session, GLOBAL_ITEMS)[1] is GLOBAL_ITEMS
    del globals()["GLOBAL_TEXT"]


def test_sets_of_controls_and_observables(bench: Bench) -> None:
    @ft.observable
    class Model:
        def __init__(self) -> None:
            self.items: Any = [1, {"k": 2}]
            self.table: Any = {"a": [3]}

    session = bench.session()
    model: Any = Model()
    texts = {ft.Text("a"), ft.Text("b")}
    heard: list[Any] = []

    def listener(_sender: Any, field: Any) -> None:
        heard.append(field)

    dispose = model.subscribe(listener)
    _, extra = bench.copy(session, [model, texts, heard, listener, dispose])
    moved, controls, log, *_ = extra
    moved.items.append(4)
    moved.table["b"] = 5
    assert log == ["items", "table"]
    assert (moved.items, moved.table) == ([1, {"k": 2}, 4], {"a": [3], "b": 5})
    assert {control.value for control in controls} == {"a", "b"}
    extra[4]()
    moved.items.append(6)
    assert log == ["items", "table"]


def test_context_variables_of_libraries(bench: Bench) -> None:
    assert bench.copy(bench.session(), _CURRENT_RENDERER)[1] is _CURRENT_RENDERER


def test_missing_internals_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    internals.check()
    monkeypatch.delattr(client_action, "_shared_services")
    monkeypatch.setattr(Session, "__init__", lambda self: None)
    with pytest.raises(FletNotSupported, match=r"client_action\._shared_services.*Session\._Session__conn"):
        internals.check()
