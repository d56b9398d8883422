"""Classes by name; classes made inside functions by value; enums; dataclasses."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

LOCAL = """
import abc, dataclasses, enum
from dataclasses import dataclass, field

def make(unit):
    @dataclass
    class Point:
        x: int
        tags: list = field(default_factory=list)
        hidden: int = 0
        def shown(self): return f"{self.x}{unit}"
        @property
        def double(self): return self.x * 2
        @staticmethod
        def zero(): return 0
        @classmethod
        def one(cls): return cls(1)
    class Deep(Point):
        __slots__ = ()
        def shown(self): return "<" + super().shown() + ">"
    class Color(enum.Enum):
        RED = 1
        BLUE = 2
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...
    class Square(Shape):
        def area(self): return 4
    return Point, Deep, Color, Square

class Outer:
    class Inner:
        class Leaf:
            value = 3

class Mode(enum.Enum):
    ON = "on"
class Bits(enum.Flag):
    A = 1
    B = 2

@dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    b: tuple
"""


def test_local_classes_in_a_fresh_process(app: AppFolder) -> None:
    point, deep, color, square = app.load(LOCAL).make("cm")
    root = {"p": point(1), "d": deep(2), "c": color.BLUE, "s": square(), "P": point}
    assert app.elsewhere(
        root,
        "[root['p'].shown(), root['d'].shown(), root['d'].double, root['c'].name, root['s'].area(),"
        " isinstance(root['d'], root['P']), root['P'].one().x, root['P'](5) == root['P'](5), repr(root['p']),"
        " [f.name for f in __import__('dataclasses').fields(root['P'])],"
        " __import__('dataclasses').fields(root['P'])[0].default is __import__('dataclasses').MISSING]",
    ) == ["1cm", "<2cm>", 4, "BLUE", 4, True, 1, True, "make.<locals>.Point(x=1, tags=[], hidden=0)",
          ["x", "tags", "hidden"], True]  # fmt: skip


def test_local_class_is_the_same_in_its_own_process(app: AppFolder) -> None:
    point = app.load(LOCAL).make("m")[0]
    assert type(app.copy(point(1))) is point


TUPLES = """
import collections, typing

def make():
    Plain = collections.namedtuple("Plain", "a b", defaults=[7])
    class Typed(typing.NamedTuple):
        a: int
        b: int = 2
        def total(self): return self.a + self.b
    class Derived(Plain):
        def total(self): return self.a * self.b
    space = {"factor": 3}
    exec("def scripted(x):\\n    return x * factor if x else scripted(1)", space)
    return Plain(1), Typed(1), Derived(5), space["scripted"]
"""


def test_named_tuples_and_scripted_functions_in_a_fresh_process(app: AppFolder) -> None:
    root = app.copy(app.copy(list(app.load(TUPLES).make())))
    assert app.elsewhere(
        root,
        "[root[0], root[0]._replace(a=2).a, repr(root[1]), root[1].total(), root[1]._field_defaults,"
        " root[2].total(), root[2]._fields, root[3](2), root[3](0), type(root[0])(4).b]",
    ) == [[1, 7], 2, "Typed(a=1, b=2)", 3, {"b": 2}, 35, ["a", "b"], 6, 3, 7]  # fmt: skip


def test_no_code_in_a_snapshot_even_of_local_classes(app: AppFolder) -> None:
    data = app.capture(app.load(LOCAL).make("m")[1](2))
    assert b"CodeType" not in data
    assert b"_make_function" not in data


def test_nested_classes_enums_and_frozen_dataclasses(app: AppFolder) -> None:
    module = app.load(LOCAL)
    leaf, mode, bits, frozen, both = app.copy(
        [
            module.Outer.Inner.Leaf(),
            module.Mode.ON,
            module.Bits.A | module.Bits.B,
            module.Frozen(1, (2,)),
            module.Mode,
        ]
    )
    assert type(leaf) is module.Outer.Inner.Leaf
    assert mode is module.Mode.ON
    assert bits is module.Bits.A | module.Bits.B
    assert frozen == module.Frozen(1, (2,))
    assert both is module.Mode


def test_types_of_the_language(app: AppFolder) -> None:
    kinds = [
        type(None),
        types.FunctionType,
        types.MethodType,
        types.CellType,
        int,
        type,
        types.SimpleNamespace,
    ]
    assert app.copy(kinds) == kinds
