"""What has a name in an app module travels as that name."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

import pytest

from flet_cluster.errors import SnapshotOutdated

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

STATE = """
import collections, contextvars, functools, logging, sqlite3, threading

ITEMS = [1]
TABLE = {"a": 1}
KEYS = {"k"}
MIXED = ([], 1)
PLAIN = (1, 2)
BYTES = bytearray(b"x")
COUNTS = collections.Counter("aab")
LOCK = threading.Lock()
DB = sqlite3.connect(":memory:", check_same_thread=False)
VAR = contextvars.ContextVar("var")
LOG = logging.getLogger("sample")
TOKEN = object()

class Registry:
    members = []
    current = None
    def __init__(self): self.x = 1

REG = Registry()

def context():
    key = object()
    def provider(): return key
    provider._key = key
    return provider

THEME = context()

def remember(f):
    cache = {}
    def wrapper(): return f, cache
    return wrapper

@remember
def cached(): pass
"""

NAMES = ("ITEMS", "TABLE", "KEYS", "MIXED", "BYTES", "COUNTS", "LOCK", "DB", "VAR", "LOG", "TOKEN", "REG")


@pytest.mark.parametrize("name", NAMES)
def test_values_of_globals(app: AppFolder, name: str) -> None:
    module = app.load(STATE)
    value = getattr(module, name)
    copied = app.copy({"one": value, "two": [value], "mine": []})
    assert copied["one"] is value
    assert copied["two"][0] is value
    assert len(app.capture(value)) < 400


def test_held_locks_with_a_name_are_no_obstacle(app: AppFolder) -> None:
    module = app.load(STATE)
    with module.LOCK:
        assert app.copy([module.LOCK])[0] is module.LOCK


def test_class_attributes_function_attributes_and_cells_of_decorators(app: AppFolder) -> None:
    module = app.load(STATE)
    module.Registry.current = late = {"set": "later"}
    function, cache = module.cached()
    key = module.THEME._key
    copied = app.copy([module.Registry.members, late, key, function, cache, module.TABLE, vars(module)])
    wanted = [module.Registry.members, late, key, function, cache, module.TABLE, vars(module)]
    assert list(map(id, copied)) == list(map(id, wanted))


def test_two_sessions_share_a_list_of_the_module(app: AppFolder) -> None:
    module = app.load(STATE)
    first, second = app.copy({"log": module.ITEMS}), app.copy({"log": module.ITEMS})
    first["log"].append(2)
    assert second["log"] == module.ITEMS == [1, 2]


def test_a_global_bound_anew_is_seen(app: AppFolder) -> None:
    module = app.load(STATE)
    old = module.ITEMS
    app.capture(old)
    module.ITEMS = new = [9]
    copied = app.copy([old, new])
    assert copied[0] == old
    assert copied[0] is not old
    assert copied[1] is new


def test_plain_tuples_are_values(app: AppFolder) -> None:
    module = app.load(STATE)
    assert b"PLAIN" not in app.capture([module.PLAIN, ()])


def test_only_names_that_are_used_are_needed(app: AppFolder) -> None:
    module = app.load(STATE)
    data = app.capture([module.TABLE])
    del module.ITEMS
    assert app.restore(data)[0] is module.TABLE


def test_a_name_that_is_gone_is_reported(app: AppFolder) -> None:
    module = app.load(STATE)
    data = app.capture([module.TABLE])
    del module.TABLE
    with pytest.raises(SnapshotOutdated, match="sample:TABLE"):
        app.restore(data)


def test_globals_of_libraries_travel_by_value(app: AppFolder) -> None:
    copied = app.copy([sys.path])
    assert copied[0] == sys.path
    assert copied[0] is not sys.path


def test_externals_travel_as_their_names(app: AppFolder) -> None:
    app.load(STATE)
    here, there, data = object(), object(), {"loop": 1}
    snapshot = app.capture([here, data, here], {"connection": here, "data": data})
    restored = app.restore(snapshot, {"connection": there, "data": "other"})
    assert restored == [there, "other", there]


def test_more_names_than_fit_a_byte(app: AppFolder) -> None:
    module = app.load("\n".join(f"L{n} = [{n}]" for n in range(700)))
    copied = app.copy([module.L3, module.L299, module.L699, [5]])
    assert copied[0] is module.L3
    assert copied[1] is module.L299
    assert copied[2] is module.L699


def test_library_singletons_keep_their_identity(app: AppFolder) -> None:
    assert app.copy([dataclasses.MISSING, ..., NotImplemented])[0] is dataclasses.MISSING


def test_a_name_of_one_process_only_is_needed_if_it_is_referred_to(app: AppFolder) -> None:
    module = app.load("def f(): pass\n")
    module.__warningregistry__ = late = {"version": 0}
    by_chance = b"".join(b"h" + bytes((index,)) for index in range(256))
    data, other = app.capture(["value", by_chance]), app.capture([late])
    del module.__warningregistry__
    assert app.restore(data) == ["value", by_chance]
    with pytest.raises(SnapshotOutdated, match="__warningregistry__"):
        app.restore(other)
