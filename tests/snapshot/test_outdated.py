"""Code that moved is found; code that changed is named."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from flet_cluster.errors import SnapshotError, SnapshotOutdated
from flet_cluster.snapshot import CodeIndex

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

V1 = """
def make(n):
    def add(x): return x + n
    def same(x): return x
    return add, same

def top(): return 1

class Thing:
    size = 1
    def area(self): return self.size

class Sub(Thing):
    pass
"""


def _changed(app: AppFolder, root: object, source: str) -> object:
    data = app.capture(root)
    app.other_process()
    app.load(source)
    return app.restore(data)


def test_lines_moved(app: AppFolder) -> None:
    module = app.load(V1)
    source = "# a comment\n\nimport json\n" + V1.replace(
        "def same", "z = 3\n    def unrelated(): return z\n    def same"
    )
    copied: Any = _changed(app, [*module.make(2), module.Sub(), module.top], source)
    add, same, thing, top = copied
    assert add(1) == 3
    assert same(4) == 4
    assert thing.area() == 1
    assert top() == 1


@pytest.mark.parametrize(
    ("part", "old", "new", "named"),
    [
        ("make(2)[0]", "x + n", "x - n", "sample:make.<locals>.add"),
        ("make(2)[0]", "def add", "def plus", "sample:make.<locals>.add"),
        ("top", "return 1", "return 2", "sample:top"),
        ("top", "def top", "def other", "sample:top"),
        ("Thing()", "size = 1", "size = 2", "sample:Thing"),
        ("Sub()", "return self.size", "return 0", "sample:Sub"),
        ("Sub", "class Sub", "class Gone", "sample:Sub"),
    ],
)
def test_changes_are_named(app: AppFolder, part: str, old: str, new: str, named: str) -> None:
    module = app.load(V1)
    source = V1.replace("return add", "return plus") if new == "def plus" else V1
    with pytest.raises(SnapshotOutdated) as caught:
        _changed(app, eval(part, vars(module)), source.replace(old, new))
    assert caught.value.reference == named


def test_a_module_that_is_gone(app: AppFolder) -> None:
    module = app.load(V1, "vanishing")
    data = app.capture(module.make(1))
    (app.folder / "vanishing.py").unlink()
    app.forget()
    app.other_process()
    with pytest.raises(SnapshotOutdated, match="vanishing"):
        app.restore(data)


def test_version_covers_the_app_modules_only(app: AppFolder) -> None:
    app.load(V1)
    first = app.code.version()
    app.other_process()
    app.load("# moved\n" + V1)
    assert app.code.version() == first
    app.other_process()
    app.load(V1.replace("return 1", "return 7"))
    assert app.code.version() != first
    assert CodeIndex([app.folder / "nothing"]).version() == CodeIndex(lambda name: False).version()


def test_not_a_snapshot(app: AppFolder) -> None:
    with pytest.raises(SnapshotError, match="not a snapshot"):
        app.restore(b"hello")
    with pytest.raises(SnapshotOutdated, match=r"Python 2\.7"):
        app.restore(b"fcs1" + bytes([3, 0, 0, 0, 0, 0, 0, 0]) + b"2.7")


def test_a_missing_external(app: AppFolder) -> None:
    thing = object()
    data = app.capture([thing], {"loop": thing})
    with pytest.raises(SnapshotError, match="'loop'"):
        app.restore(data)


def test_sets_of_constants_have_one_fingerprint_in_every_process(app: AppFolder) -> None:
    module = app.load(
        "def make(n):\n    def f(x): return n and x in {'a', 'b', 'c', 'q', 'w', 'e'}\n    return f"
    )
    assert app.elsewhere(module.make(1), "root('w')") is True


STARTED = """
import sys
from pathlib import Path
from flet_cluster.snapshot import CodeIndex, Portables, capture

ITEMS = []

class Thing:
    def area(self): return 4

def decorate(function):
    return lambda: function()

@decorate
def make():
    def inner(): return [ITEMS][0:]
    return inner

def save(path):
    sys.modules["started"] = sys.modules["__main__"]
    code = CodeIndex(
        lambda name: name in ("__main__", "started"), lambda name: "started" if name == "__main__" else name
    )
    root = [make(), Thing(), ITEMS, sys.modules["__main__"]]
    path.write_bytes(capture(root, code, Portables()))

if __name__ == "__main__":
    save(Path(sys.argv[1]))
"""


def test_a_script_that_python_started_is_a_module_elsewhere(app: AppFolder) -> None:
    app.write(STARTED, "started")
    data = app.folder / "data"
    subprocess.run([sys.executable, str(app.folder / "started.py"), str(data)], check=True, timeout=60)
    assert b"__main__" not in data.read_bytes()
    inner, thing, items, module = app.restore(data.read_bytes())
    assert inner()[0] is items is module.ITEMS
    assert type(thing) is module.Thing
    app.forget()
    sys.modules.pop("started")
