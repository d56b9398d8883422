"""``flet_cluster.register_portable``: for types that only their app knows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import flet_cluster
from flet_cluster.errors import NotPortable
from flet_cluster.snapshot import registered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.snapshot.appcode import AppFolder

SOURCE = """
import threading
import flet_cluster

class Sensor:
    def __init__(self, name):
        self.name = name
        self.local = threading.local()

class Special(Sensor):
    pass

flet_cluster.register_portable(Sensor, lambda sensor: (type(sensor), (sensor.name,)), subclasses=True)
"""


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    before = dict(registered._entries)
    yield
    registered._entries.clear()
    registered._entries.update(before)


@pytest.mark.parametrize("early", [True, False])
def test_it_holds_for_registries_made_before_and_after(app: AppFolder, early: bool) -> None:
    if early:
        registered.attach(app.portables)
    module = app.load(SOURCE)
    if not early:
        registered.attach(app.portables)
    one = module.Sensor("cellar")
    moved = app.copy([one, one, module.Special("roof")])
    assert moved[0] is moved[1]
    assert [sensor.name for sensor in moved] == ["cellar", "cellar", "roof"]
    assert type(moved[2]) is module.Special


def test_a_later_one_replaces_an_earlier_one(app: AppFolder) -> None:
    registered.attach(app.portables)
    module = app.load(SOURCE)
    assert app.copy(module.Sensor("cellar")).name == "cellar"
    flet_cluster.register_portable(module.Sensor, lambda sensor: (module.Sensor, (sensor.name.upper(),)))
    assert app.copy(module.Sensor("cellar")).name == "CELLAR"


def fails(_: Any) -> Any:
    raise OSError("no way")


@pytest.mark.parametrize(
    ("reduce", "reason"),
    [
        (fails, "registered for _local failed: OSError"),
        (lambda _: "x", r"must return \(function, arguments\)"),
    ],
)
def test_what_the_function_does_wrong_is_an_obstacle(app: AppFolder, reduce: Any, reason: str) -> None:
    registered.attach(app.portables)
    flet_cluster.register_portable(threading.local, reduce)
    with pytest.raises(NotPortable, match=reason) as caught:
        app.capture({"held": threading.local()})
    assert caught.value.path.startswith("page['held']")


@pytest.mark.parametrize(
    ("cls", "reduce", "message"),
    [
        ("Sensor", repr, "is not a type"),
        (list, repr, "travels anyway"),
        (type, repr, "travels anyway"),
        (threading.local, None, "must be a function"),
    ],
)
def test_mistakes_are_explained(cls: Any, reduce: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        flet_cluster.register_portable(cls, reduce)
