"""Names that are bound when a session's code runs: another process may have nothing under them (F19)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from flet_cluster.errors import SnapshotOutdated
from flet_cluster.snapshot import begin_sessions, late
from flet_cluster.snapshot.births import bound_to_nothing

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

LAZY = """
class Config:
    _inst = None
    def __new__(cls):
        if cls._inst is None:
            cls._inst = super().__new__(cls)
            cls._inst.data = {"unit": "cm"}
        return cls._inst

class Svc:
    def __init__(self):
        self.config = Config()
    @classmethod
    def instance(cls):
        if not hasattr(cls, "_i"):
            cls._i = cls()
        return cls._i

class Db(Svc):
    pass

db = None
cache = None
early = [0]

def main():
    global db, cache
    if db is None:
        db, cache = Db(), {}
    mydb, mycache = db, cache
    mycache["rows"] = [mydb]
    def click():
        return mydb, mycache, Svc.instance(), Config(), early
    return click
"""


def started(app: AppFolder, source: str = LAZY) -> Any:
    """Load a module, and say that sessions begin."""
    module = app.load(source)
    begin_sessions(app.code, app.portables)
    return module


@pytest.mark.parametrize("name", ["Config", "Svc.instance", "lambda: db or (main(), db)[1]"])
def test_what_is_made_on_first_use_is_there_where_nobody_has_made_it(app: AppFolder, name: str) -> None:
    module = started(app)
    made = eval(name, vars(module))()
    assert app.elsewhere(
        [made, made],
        "[type(root[0]).__name__, root[0] is root[1], type(getattr(root[0], 'config', root[0])).__name__,"
        f" root[0] is eval({name!r}, vars(sys.modules['sample']))()]",
    ) == [type(made).__name__, True, "Config", True]


def test_all_that_a_session_refers_to_is_put_under_its_names(app: AppFolder) -> None:
    module = started(app)
    click = module.main()
    click()
    assert app.elsewhere(
        click,
        "(lambda m: [root()[0] is m.db, root()[1] is m.cache, root()[1]['rows'][0] is m.db,"
        " root()[2] is m.Svc._i, root()[3] is m.Config._inst is m.db.config, root()[3].data,"
        " root()[4] is m.early])(sys.modules['sample'])",
    ) == [True, True, True, True, True, {"unit": "cm"}, True]


def test_what_is_there_already_is_used(app: AppFolder) -> None:
    module = started(app)
    data = app.capture(module.main())
    db, cache = module.db, module.cache
    again = app.restore(data)
    assert again()[0] is db
    assert again()[1] is cache
    module.db = other = module.Db()
    assert app.restore(data)()[0] is other, "of the same type: the one of this process"
    module.db = "something else"
    assert type(app.restore(data)()[0]) is module.Db
    assert module.db == "something else"


def test_only_what_is_referred_to_is_sent(app: AppFolder) -> None:
    module = started(app)
    module.main()
    assert not app.capture([module.early]).startswith(late.MAGIC)
    assert app.capture([module.cache]).startswith(late.MAGIC)
    data = app.capture([b"hi there" * 300, module.Config()._inst])
    assert (b"sample:Config._inst" in data, b"sample:db" in data) == (True, False)


def test_what_cannot_travel_is_missed_aloud(app: AppFolder, caplog: pytest.LogCaptureFixture) -> None:
    module = started(app)
    click = module.main()
    module.db.frames = sys._getframe()
    for _ in range(2):
        data = app.capture(click)
    assert app.restore(data)()[0] is module.db
    assert [
        r.message for r in caplog.records if "sample:db was made after its module was imported" in r.message
    ]
    assert len(caplog.records) == 1
    module.db = None
    with pytest.raises(SnapshotOutdated, match="sample:db: nobody has made it in this process"):
        app.restore(data)


def test_what_is_too_big_is_missed_aloud(
    app: AppFolder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "MOST", 1000)
    module = started(app)
    click = module.main()
    module.db.text = "x" * 2000
    data = app.capture(click)
    assert len(data) < 1500
    assert "sample:db" in caplog.text
    module.Config._inst = None
    assert app.restore(data)()[0] is module.db


def test_a_module_that_a_session_has_imported_shows_what_it_bound_later(app: AppFolder) -> None:
    begin_sessions(app.code, app.portables)
    module = app.load(LAZY)
    click = module.main()
    data = app.capture(click)
    assert app.restore(data)()[0] is module.db
    module.db = None
    assert type(app.restore(data)()[0]) is module.Db
    assert type(module.db) is module.Db


def test_what_a_text_binds_to_nothing(app: AppFolder) -> None:
    module = app.load("""
        import os.path, json as j
        a = None
        b: list | None = None
        c = []
        d = None
        try:
            d = dict()
        except OSError as e:
            e2 = 3
        def f():
            global g, c
            g = 1
            h = 2
        for i in []:
            k = None
        class C:
            x = None
            y = set()
            class D:
                z: int
        with open(os.devnull) as w, open(os.devnull):
            pass
    """)
    assert bound_to_nothing(module) == {"a", "b", "g", "C.x", "C.D.z"}


def test_before_sessions_begin_all_names_are_everybodys(app: AppFolder) -> None:
    module = app.load(LAZY)
    module.main()
    begin_sessions(app.code, app.portables)
    assert not app.capture([module.db]).startswith(late.MAGIC)
