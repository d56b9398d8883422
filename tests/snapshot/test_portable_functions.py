"""Functions: by name, or by reference to their code with cells, defaults and attributes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

CLOSURES = """
import functools

def counter(start, step=2, *, label="n"):
    count = [start]
    total = start

    def add(by=step, *, mark=label):
        nonlocal total
        count[0] += by
        total += by
        return mark, total

    def get():
        return count[0], total

    def fact(n):
        return 1 if n == 0 else n * fact(n - 1)

    return add, get, fact, lambda: count

def twins():
    return [lambda i=i: i for i in range(3)]

def loud(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args) + "!"
    return wrapper

def greeter(name):
    @loud
    def greet():
        "Say hello."
        return f"hello {name}"
    greet.extra = [name]
    return greet

def numbers(limit):
    def generate():
        for n in range(limit):
            yield n
    async def later():
        return limit
    return generate, later

def typed():
    def handler(e: "int", *, k: int = 3) -> str: return str(k)
    return handler

def top(x): return x

def unset():
    def inner(): return value
    if False: value = 1
    return inner
"""


def test_cells_stay_shared(app: AppFolder) -> None:
    module = app.load(CLOSURES)
    add, get, fact, items = app.copy(module.counter(1))
    assert add() == ("n", 3)
    assert get() == (3, 3)
    assert items() == [3]
    assert fact(5) == 120


def test_fresh_process_runs_the_closures(app: AppFolder) -> None:
    module = app.load(CLOSURES)
    functions = module.counter(1, 5)
    functions[0]()
    assert app.elsewhere(functions, "[root[0](), root[1](), root[2](4)]") == [["n", 11], [11, 11], 24]


def test_lambdas_of_one_line_keep_their_own_defaults(app: AppFolder) -> None:
    assert [function() for function in app.copy(app.load(CLOSURES).twins())] == [0, 1, 2]


def test_decorated_function_keeps_attributes(app: AppFolder) -> None:
    greet = app.copy(app.load(CLOSURES).greeter("Ada"))
    assert greet() == "hello Ada!"
    assert (greet.__name__, greet.__doc__, greet.extra) == ("greet", "Say hello.", ["Ada"])
    assert greet.__qualname__ == "greeter.<locals>.greet"
    assert greet.__wrapped__() == "hello Ada"


def test_generator_and_coroutine_functions(app: AppFolder) -> None:
    module = app.load(CLOSURES)
    assert app.elsewhere(module.numbers(3), "[list(root[0]()), __import__('asyncio').run(root[1]())]") == [
        [0, 1, 2],
        3,
    ]


def test_annotations_and_keyword_defaults(app: AppFolder) -> None:
    handler = app.copy(app.load(CLOSURES).typed())
    assert handler.__annotations__ == {"e": "int", "k": int, "return": str}
    assert handler(None) == "3"


def test_module_level_function_is_the_same_object(app: AppFolder) -> None:
    module = app.load(CLOSURES)
    copied = app.copy([module.top, module.top])
    assert copied[0] is module.top
    assert copied[1] is module.top


def test_empty_cell_stays_empty(app: AppFolder) -> None:
    inner = app.copy(app.load(CLOSURES).unset())
    with pytest.raises(NameError, match="value"):
        inner()


METHODS = """
import functools

class Base:
    def __init__(self): self.calls = []
    def __secret(self, by=1): self.calls.append(by); return len(self.calls)
    def handler(self): return self.__secret
    @classmethod
    def make(cls): return cls()
    @staticmethod
    def plain(x): return x * 2
    @functools.lru_cache(maxsize=4)
    def slow(self, x): return x

class Derived(Base):
    def __secret(self): return "other"
    def both(self): return super().handler(), self.__secret
"""


def test_methods_with_mangled_names(app: AppFolder) -> None:
    derived = app.load(METHODS).Derived()
    derived.handlers = derived.both()
    copied: Any = app.copy(derived)
    assert copied.handlers[0].__self__ is copied
    assert copied.handlers[0]() == 1
    assert copied.handlers[1]() == "other"
    assert copied.handlers[0] == copied.handler()


def test_class_and_static_methods_and_caches(app: AppFolder) -> None:
    module = app.load(METHODS)
    copied = app.copy([module.Base.make, module.Base.plain, module.Derived.make, module.Base.slow])
    assert copied[0]().__class__ is module.Base
    assert copied[1] is module.Base.plain
    assert copied[2]().__class__ is module.Derived
    assert copied[3] is module.Base.slow


def test_partial_and_builtin_methods(app: AppFolder) -> None:
    module = app.load("""
        import functools
        def add(a, b, c=0): return a + b + c
        def make():
            items = []
            return items, items.append, functools.partial(add, 1, c=3), functools.partial(lambda x: x, 2)
    """)
    items, append, partial, nested = app.copy(module.make())
    append(4)
    assert items == [4]
    assert partial(2) == 6
    assert nested() == 2


def test_local_cached_function_gets_an_empty_cache(app: AppFolder) -> None:
    module = app.load("""
        import functools
        def make(log):
            @functools.lru_cache(maxsize=3)
            def f(x): log.append(x); return x
            return f, log
    """)
    function, _ = module.make([])
    function(1)
    copied, log = app.copy(module.make([7]))
    assert copied(1) == copied(1) == 1
    assert log == [7, 1]
    assert copied.cache_parameters()["maxsize"] == 3


def test_generators_and_coroutines_that_have_not_started(app: AppFolder) -> None:
    module = app.load("""
        def gen(a, *rest, k=1, **more): yield from (a, *rest, k, more)
        async def co(a): return a
    """)
    coroutine = module.co(5)
    generator, copied = app.copy([module.gen(1, 2, k=3, z=4), coroutine])
    assert list(generator) == [1, 2, 3, {"z": 4}]
    assert asyncio.run(copied) == 5
    coroutine.close()
