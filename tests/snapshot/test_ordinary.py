"""Ordinary objects of classes that make it hard for pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

DELEGATING = """
class Proxy:
    def __init__(self, inner):
        self.inner = inner
    def __getattr__(self, name):
        return getattr(self.inner, name)

class Config:
    def __init__(self, **data):
        self._data = data
    def __getattr__(self, name):
        return self._data[name]

class Slotted:
    __slots__ = ("inner", "never")
    def __init__(self, inner):
        self.inner = inner
    def __getattr__(self, name):
        if name == "never":
            raise AttributeError(name)
        return getattr(self.inner, name)

class AttrDict(dict):
    __getattr__ = dict.__getitem__

class Watched(list):
    def __init__(self, *items):
        super().__init__(items)
        self.seen = len(items)
    def __getattribute__(self, name):
        if name not in ("seen", "append", "extend", "__class__"):
            raise KeyError(name)
        return super().__getattribute__(name)

class Own(Proxy):
    def __getstate__(self):
        return {"kept": self.inner}
    def __setstate__(self, state):
        self.inner = state["kept"] + "!"

class Given(Proxy):
    def __new__(cls, inner):
        made = super().__new__(cls)
        made.made_with = inner
        return made
    def __getnewargs__(self):
        return (self.inner,)
"""


def test_objects_that_delegate_what_they_lack_are_rebuilt(app: AppFolder) -> None:
    module = app.load(DELEGATING)
    root = {
        "proxy": module.Proxy("text"),
        "number": module.Proxy(7),  # has __getnewargs__, for itself
        "config": module.Config(unit="cm"),
        "slotted": module.Slotted("text"),
        "dict": module.AttrDict(a=1),
        "list": module.Watched(1, 2),
        "own": module.Own("text"),
        "given": module.Given("text"),
    }
    root["loop"] = module.Proxy(root)
    assert app.elsewhere(
        root,
        "[root['proxy'].upper(), root['number'].inner, root['config'].unit, root['slotted'].upper(),"
        " root['dict'].a, root['dict'] == {'a': 1}, list(root['list']), root['list'].seen, root['own'].inner,"
        " root['given'].made_with, root['loop'].inner is root]",
    ) == ["TEXT", 7, "cm", "TEXT", 1, True, [1, 2], 2, "text!", "text", True]


@pytest.mark.parametrize("value", ["Money(3.5, 'EUR')", "Need(7)", "Both.__new__(Both, 7)"])
def test_a_class_whose_new_needs_arguments_is_an_obstacle(app: AppFolder, value: str) -> None:
    module = app.load("""
        class Money(float):
            def __new__(cls, value, currency):
                made = super().__new__(cls, value)
                made.currency = currency
                return made
        class Need:
            def __new__(cls, x):
                return super().__new__(cls)
        class Both(Need):
            def __getattr__(self, name):
                return getattr(self.inner, name)
    """)
    thing = eval(value, vars(module))
    with pytest.raises(NotPortable, match=r"page\[0\] → sample\.\w+: its __new__ needs arguments"):
        app.capture([thing])


def test_a_class_whose_new_can_be_called_as_it_is_travels(app: AppFolder) -> None:
    module = app.load("""
        class Percent(float):
            def __new__(cls, value, unit="%"):
                made = super().__new__(cls, value)
                made.unit = unit
                return made
    """)
    moved = app.copy(module.Percent(3.5, "‰"))
    assert (moved, moved.unit) == (3.5, "‰")
