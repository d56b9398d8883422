"""What cannot be rebuilt is an obstacle before the session depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flet_cluster.errors import NotPortable
from flet_cluster.snapshot import registered

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

BROKEN = """
class Broken:
    def __setstate__(self, state):
        raise LookupError("no such font")

class Holder:
    def __init__(self, *things):
        self.things = list(things)
"""


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("[Broken()]", r"page\[0\] → sample\.Broken"),
        ("[Holder(Holder(Broken()))]", r"page\[0\]\.things\[0\]\.things\[0\] → sample\.Broken"),
    ],
)
def test_an_object_that_cannot_be_rebuilt_is_named(app: AppFolder, root: str, path: str) -> None:
    module = app.load(BROKEN)
    things = eval(root, vars(module))
    for _ in range(2):
        with pytest.raises(NotPortable, match=path + r": it can be taken apart.*LookupError: no such font"):
            app.capture(things)
    app.capture([module.Holder(1)])


def test_objects_that_can_be_rebuilt_only_one_by_one(app: AppFolder) -> None:
    module = app.load("""
        class Order:
            def __init__(self, number):
                self.number, self.items = number, set()
        class Item:
            def __init__(self, order):
                self.order = order
                order.items.add(self)
            def __hash__(self):
                return hash(self.order.number)
            def __eq__(self, other):
                return self is other
    """)
    order = module.Order(1)
    item = module.Item(order)
    with pytest.raises(NotPortable, match=r"sample\.Item: it can be taken apart.*has no attribute"):
        app.capture({"item": item})


COUNTED = """
import itertools

class Counted:
    made = []
    def __setstate__(self, state):
        self.__dict__.update(state)
        Counted.made.append(self.number)
    def __init__(self, number):
        self.number = number
"""


def test_a_class_is_tried_once_in_a_process(app: AppFolder) -> None:
    module = app.load(COUNTED)
    for _ in range(3):
        app.capture([module.Counted(1), module.Counted(2)])
    assert module.Counted.made == [1]


def test_a_class_of_a_function_is_tried_once_however_often_that_is_called(app: AppFolder) -> None:
    module = app.load("""
        made = []
        def make(number):
            class Local:
                def __setstate__(self, state):
                    self.__dict__.update(state)
                    made.append(number)
            return Local()
    """)
    for number in range(3):
        app.capture([module.make(number)])
    assert module.made == [0]


def test_what_may_open_or_close_something_or_is_there_already_is_left_alone(app: AppFolder) -> None:
    registered.attach(app.portables)
    module = app.load("""
        import flet_cluster

        log = []
        class Closing:
            def __del__(self):
                log.append("closed")
        class Opening:
            def __reduce__(self):
                return opened, (), self.__dict__
        def opened():
            log.append("opened")
            return Opening()
        class Known:
            pass
        flet_cluster.register_portable(Known, lambda known: (opened, ()))
        class One:
            ones = {}
            def __new__(cls):
                return cls.ones.setdefault(cls, object.__new__(cls))
        def one():
            return One()
        class Shown:
            def __init__(self, *things):
                self.things = things
        names = ["named"]
    """)
    one = module.One()
    one.items = items = [1]
    shown = module.Shown(module.Closing(), module.Opening(), module.Known(), one, module.names)
    data = app.capture([shown])
    assert module.log == []
    assert one.items is items
    app.restore(data)
    assert module.log[:2] == ["opened", "opened"]
    registered._entries.pop(module.Known)
