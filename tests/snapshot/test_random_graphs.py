"""Random graphs of containers, cells and closures come back isomorphic: shared stays shared."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.snapshot.appcode import AppFolder, app_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = """
SHARED = []

class Node:
    pass

def closure(first, second):
    def inner(): return first, second
    return inner

def setters(value):
    def get(): return value
    def put(new):
        nonlocal value
        value = new
    return get, put
"""

KINDS = ("list", "dict", "node", "closure", "pair", "shared")
BLUEPRINT = st.lists(
    st.tuples(st.sampled_from(KINDS), st.lists(st.integers(min_value=0, max_value=30), max_size=3)),
    min_size=1,
    max_size=20,
)


@pytest.fixture(scope="module")
def graph_app() -> Iterator[AppFolder]:
    with tempfile.TemporaryDirectory() as folder:
        yield from app_folder(Path(folder))


def build(module: Any, blueprint: list[tuple[str, list[int]]]) -> list[Any]:
    """Make the objects, then connect them, cycles included."""
    made: list[Any] = []
    for kind, links in blueprint:
        earlier = [made[link % len(made)] for link in links] if made else []
        first, second = (*earlier, None, 0)[:2]
        made.append(
            {
                "list": list,
                "dict": dict,
                "node": module.Node,
                "shared": lambda: module.SHARED,
                "closure": lambda first=first, second=second: module.closure(first, second),
                "pair": lambda first=first: module.setters(first),
            }[kind]()
        )
    for (kind, links), obj in zip(blueprint, made, strict=True):
        targets = [made[link % len(made)] for link in links]
        if kind == "list":
            obj.extend(targets)
        elif kind == "dict":
            obj.update(enumerate(targets))
        elif kind == "node":
            vars(obj).update({f"a{position}": target for position, target in enumerate(targets)})
        elif kind == "pair" and targets:
            obj[1](targets[0])
    return made


def same(one: Any, other: Any, module: Any, pairs: dict[int, Any]) -> None:
    """Check isomorphism by walking both graphs in step."""
    pending = [(one, other)]
    while pending:
        left, right = pending.pop()
        assert type(left) is type(right)
        if left is None or isinstance(left, (int, str)):
            assert left == right
            continue
        if left == ():
            continue
        assert (left is module.SHARED) is (right is module.SHARED)
        if id(left) in pairs:
            assert pairs[id(left)] is right
            continue
        pairs[id(left)] = right
        pending.extend(zip(children(left), children(right), strict=True))


def children(obj: Any) -> list[Any]:
    if isinstance(obj, (list, tuple)):
        return list(obj)
    if isinstance(obj, dict):
        return list(obj.values())
    if isinstance(obj, FunctionType):
        return list(obj.__closure__ or ())
    if isinstance(obj, CellType):
        return [obj.cell_contents]
    return list(vars(obj).values())


@settings(max_examples=200, deadline=None)
@given(blueprint=BLUEPRINT)
def test_round_trip_keeps_the_shape(graph_app: AppFolder, blueprint: list[tuple[str, list[int]]]) -> None:
    module = sys.modules.get("sample") or graph_app.load(CODE)
    module.SHARED.clear()
    graph = build(module, blueprint)
    copied = graph_app.copy(graph)
    there: dict[int, Any] = {}
    same(graph, copied, module, there)
    assert len({id(value) for value in there.values()}) == len(there)
