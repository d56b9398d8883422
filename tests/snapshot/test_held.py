"""What an app keeps in its modules is found, however it keeps it, and nothing of it runs meanwhile."""

from __future__ import annotations

import functools
import sys
import weakref
from collections import deque
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from flet_cluster.snapshot import CodeIndex, Portables, by_value, held
from flet_cluster.snapshot.held import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator


class Room:
    """An object of the app's own."""

    def __init__(self, content: object = None) -> None:
        self.content = content

    def enter(self) -> None: ...


class Page:
    """Stands for what belongs to a session."""


class Foreign:
    """Stands for an object of a library: found, but not entered."""

    def __init__(self, content: object) -> None:
        self.content = content


class Proxy:
    """Says that it is something else, as werkzeug's proxies do."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("code of the app was run")

    @__class__.setter
    def __class__(self, value: Any) -> None: ...


Room.__module__ = Proxy.__module__ = "held_app"


@pytest.fixture
def app() -> Iterator[ModuleType]:
    module = ModuleType("held_app")
    sys.modules["held_app"] = module
    yield module
    del sys.modules["held_app"]


@pytest.fixture
def portables() -> Portables:
    portables = Portables()
    portables.own(Page)
    return portables


@pytest.fixture
def code() -> CodeIndex:
    return CodeIndex(lambda name: name == "held_app")


def keep_in(kind: str, obj: Any) -> Any:
    """Keep something the way an app might."""

    def callback() -> object:
        return obj

    ways: dict[str, Any] = {
        "dict": {"a": obj},
        "nested": {"a": [({"b": obj},)]},
        "deque": deque([obj]),
        "object": [Room(obj)],
        "closure": [callback],
        "partial": [functools.partial(print, obj)],
        "method": [Room(obj).enter],
        "weak": weakref.WeakValueDictionary({"a": obj}),
        "weak set": weakref.WeakSet([obj]),
    }
    return ways[kind]


KINDS = ["dict", "nested", "deque", "object", "closure", "partial", "method", "weak", "weak set"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found(app: ModuleType, code: CodeIndex, portables: Portables, kind: str) -> None:
    room, page = Room(), Page()
    vars(app).update(kept=keep_in(kind, room), pages=keep_in(kind, page))
    found = held(code, portables)
    assert id(room) in found.plain
    assert id(page) in found.owned
    assert id(page) not in found.plain


def test_libraries_and_sessions_are_not_entered(
    app: ModuleType, code: CodeIndex, portables: Portables
) -> None:
    inner = Room()
    foreign, page = Foreign(inner), Page()
    vars(page)["content"] = inner
    vars(app)["kept"] = [foreign, page]
    found = held(code, portables)
    assert id(foreign) in found.plain
    assert id(inner) not in found.plain


def test_no_code_of_the_app_runs(app: ModuleType, code: CodeIndex, portables: Portables) -> None:
    vars(app).update(kept=[Proxy()], proxy=Proxy())
    assert len(held(code, portables).plain) == 1


def test_a_big_table_is_looked_at_in_part(app: ModuleType, code: CodeIndex, portables: Portables) -> None:
    vars(app)["table"] = [[number] for number in range(MOST + 1000)]
    assert len(held(code, portables).plain) == MOST - 1  # the table itself has a name


def test_what_a_snapshot_holds_by_value_is_told(
    app: ModuleType, code: CodeIndex, portables: Portables
) -> None:
    shared: list[int] = [1]
    named: list[int] = [2]
    vars(app).update(kept=[shared], named=named)
    among = held(code, portables).plain
    root = {"shared": shared, "named": named, "own": [3]}
    assert [id(obj) for obj in by_value(root, code, portables, {}, among)] == [id(shared)]
