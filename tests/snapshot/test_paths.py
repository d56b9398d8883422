"""The path from the page to what cannot travel."""

from __future__ import annotations

import functools
import gc
import socket
import sqlite3
import sys
import threading
from contextlib import closing
from multiprocessing import current_process
from typing import TYPE_CHECKING, Any

import pytest

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

CODE = """
class Control:
    def __init__(self, **values): self._values = values
    def method(self): pass

def closure(db):
    def handler(): return db
    return handler

def default(db):
    def handler(x=db, *, y=db): return x
    return handler
"""


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (
            lambda m, db: m.Control(on_click=m.closure(db)),
            "page.on_click → closure 'db' → sqlite3.Connection",
        ),
        (lambda m, db: [m.Control(data={"x": [db]})], "page[0].data['x'][0] → sqlite3.Connection"),
        (lambda m, db: m.Control(f=m.default(db)), "page.f → default 0 → sqlite3.Connection"),
        (lambda m, db: m.Control(f=m.Control(db=db).method), "page.f → self.db → sqlite3.Connection"),
        (lambda m, db: {"p": functools.partial(len, db)}, "page['p'].args[0] → sqlite3.Connection"),
        (lambda m, db: {db: 1}, "page → key Connection → sqlite3.Connection"),
        (lambda m, db: {(1, 2): {db}}, "page[(1, 2)] → member → sqlite3.Connection"),
    ],
)
def test_paths(app: AppFolder, build: Any, path: str) -> None:
    module = app.load(CODE)
    with closing(sqlite3.connect(":memory:")) as db, pytest.raises(NotPortable) as caught:
        app.capture(build(module, db))
    assert caught.value.path == path
    assert "in this process's memory" in caught.value.reason


def test_no_references_stay_behind(app: AppFolder) -> None:
    module = app.load(CODE)
    control = module.Control()
    count = sys.getrefcount(control)
    app.capture([control])
    assert sys.getrefcount(control) == count
    with closing(sqlite3.connect(":memory:")) as db, pytest.raises(NotPortable):
        app.capture([control, db])
    gc.collect()
    assert sys.getrefcount(control) == count


def test_a_value_that_refuses_is_found(app: AppFolder) -> None:
    module = app.load(CODE)
    with pytest.raises(NotPortable, match="disallowed") as caught:
        app.capture(module.Control(data={"key": current_process().authkey}))
    assert caught.value.path == "page.data['key'] → multiprocessing.process.AuthenticationString"


def test_what_nobody_knows_how_to_move_is_to_be_a_resource(app: AppFolder) -> None:
    with closing(socket.socket()) as held, pytest.raises(NotPortable, match="cannot be pickled") as caught:
        app.capture({"held": [held]})
    assert caught.value.path == "page['held'][0] → socket.socket"
    assert "flet_cluster.resource" in caught.value.reason


def test_an_array_is_no_obstacle_on_the_way_to_one(app: AppFolder) -> None:
    numpy = pytest.importorskip("numpy")
    held = {"array": numpy.arange(3), "deeper": [[[threading.local()]]]}
    with pytest.raises(NotPortable) as caught:
        app.capture(held)
    assert caught.value.path == "page['deeper'][0][0][0] → _thread._local"
