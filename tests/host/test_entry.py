"""What a session's ``main`` is, where its code is, and with whom it shares messages."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any

import pytest

from flet_cluster.host.audience import audience_of
from flet_cluster.host.entry import function_of, home_of, is_plain
from flet_cluster.snapshot import CodeIndex, Portables

CODE = CodeIndex([Path(__file__).parent])


def plain(page: Any) -> None: ...


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name

    async def main(self, page: Any) -> None: ...

    async def __call__(self, page: Any) -> Any:
        yield page


class Branch(Shop): ...


SHOP = Shop("named")
DECORATED = functools.cache(plain)


def closure(value: Any) -> Any:
    def main(page: Any) -> Any:
        return value

    return main


def default(value: Any) -> Any:
    def main(page: Any, held: Any = value) -> None: ...

    return main


def keyed(value: Any, page: Any, key: Any) -> None: ...


def partial(value: Any) -> Any:
    return functools.partial(keyed, value, key=[value])


def audience(main: Any) -> str | None:
    return audience_of(main, CODE, Portables())


@pytest.mark.parametrize("make", [closure, default, partial])
def test_what_holds_the_same_hears_the_same(make: Any) -> None:
    assert audience(make("a")) == audience(make("a")) is not None
    assert audience(make("a")) != audience(make("b"))
    assert audience(make("1")) != audience(make(1))
    assert audience(make({"a": ["b"]})) == audience(make({"a": ["b"]}))
    assert audience(make({"a": ["b"]})) != audience(make({"a": ["c"]}))
    assert audience(make(SHOP)) == audience(make(SHOP)) is not None, "it has a name"
    assert audience(make(Shop("a"))) is None, "it may be another one on another node"


def test_named_objects_and_their_methods_hear_the_same() -> None:
    assert audience(SHOP.main) == audience(SHOP.main) is not None
    assert audience(SHOP) != audience(SHOP.main)
    assert audience(Shop("a").main) is None


def test_what_holds_itself_is_alone() -> None:
    def again(page: Any) -> Any:
        return again

    assert audience(again) is None


@pytest.mark.parametrize(
    ("main", "qualname", "is_async"),
    [
        (plain, "plain", False),
        (closure(1), "closure.<locals>.main", False),
        (functools.partial(functools.partial(Shop("a").main)), "Shop.main", True),
        (functools.partial(plain, 1), "plain", False),
        (Branch("a").main, "Branch.main", True),
        (Branch("a"), "Branch.__call__", True),
        (DECORATED, "plain", False),
        (Shop, "Shop", False),
    ],
)
def test_code_is_found_through_what_is_around_it(main: Any, qualname: str, is_async: bool) -> None:
    home = home_of(main)
    assert (home.module, home.qualname) == (__name__, qualname)
    function = function_of(main)
    assert (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)) is is_async


def test_only_a_function_without_anything_is_its_code_alone() -> None:
    assert [
        is_plain(main) for main in (plain, Shop, closure(1), default(1), partial(1), SHOP, SHOP.main)
    ] == [
        True,
        True,
        *[False] * 5,
    ]
