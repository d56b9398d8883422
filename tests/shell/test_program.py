"""Loading scripts: what they see, what is taken from them, and what is said when they cannot be used."""

from __future__ import annotations

import importlib
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flet
import pytest
import uvicorn
from fastapi import FastAPI

from flet_cluster.errors import ProgramError
from flet_cluster.host.intercept import DropIn
from flet_cluster.host.program import Program, load_program, program_of
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a file into the app's folder, which is also the current directory; forget its modules later."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    before = set(sys.modules)

    def put(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path

    yield put
    for name, module in list(sys.modules.items()):
        if name not in before and str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


MAIN = ("import flet as ft", "def main(page):", "    pass")
GUARD = 'if __name__ == "__main__":'


def test_guarded_script_is_a_module_of_its_own_name(write: Write) -> None:
    script = write(
        "shop.py",
        "import dataclasses, logging",
        *MAIN,
        "@dataclasses.dataclass",
        "class Item:",
        "    price: 'int' = 1",
        "log = logging.getLogger(__name__)",
        GUARD,
        "    ft.run(main, port=81, assets_dir='files')",
        "    raise RuntimeError('stock Flet does not come here while it serves')",
    )
    program = load_program(str(script))
    module: Any = sys.modules["shop"]
    assert (program.name, program.module, program.path) == ("shop", "shop", script.resolve())
    assert program.main is module.main
    assert program.arguments == {"port": 81, "assets_dir": "files"}
    assert module.__name__ == module.main.__module__ == module.Item.__module__ == module.log.name == "shop"
    assert pickle.loads(pickle.dumps(module.Item(3))) == module.Item(3)
    assert inspect.getsource(module.main) == "def main(page):\n    pass\n"
    assert module.main.__code__.co_firstlineno == 3
    assert not list(script.parent.glob("__pycache__"))


@pytest.mark.parametrize(
    "guard",
    [
        'if __name__ == "__main__":',
        'if "__main__" == __name__:',
        'if __name__ in {"__main__", "__mp_main__"}:',
        'if not __name__ != "__main__":',
        'if __name__ == "__main__" and True:',
        'if (lambda: __name__ == "__main__")():',
    ],
)
def test_forms_of_the_guard(write: Write, guard: str) -> None:
    assert load_program(str(write("guarded.py", *MAIN, guard, "    ft.run(main)"))).module == "guarded"


def test_guard_in_a_match_statement(write: Write) -> None:
    lines = ("match __name__:", "    case '__main__':", "        ft.run(main)")
    assert load_program(str(write("matched.py", *MAIN, *lines))).module == "matched"


def test_other_comparisons_of_the_name_see_the_real_one(write: Write) -> None:
    write("honest.py", *MAIN, "own = main.__module__ == __name__", "other = __name__ == 'x'", "ft.run(main)")
    load_program("honest.py")
    assert sys.modules["honest"].own is True
    assert sys.modules["honest"].other is False


@pytest.mark.parametrize(
    "call",
    [
        "ft.run(main, name='n')",
        "ft.run(main=main, name='n')",
        "ft.run(main, None, 'n')",
        "ft.app(target=main, name='n')",
        "ft.app(main, name='n')",
        "import asyncio; asyncio.run(ft.run_async(main, name='n'))",
        "import flet.app; flet.app.run(main, name='n')",
        "from flet import run; run(main, name='n')",
        "from flet.app import run_async; import asyncio; asyncio.run(run_async(main, name='n'))",
        "import flet_cluster; flet_cluster.run(main, name='n')",
        "import sys; sys.exit(ft.run(main, name='n'))",
    ],
)
def test_ways_to_start_an_app(write: Write, call: str) -> None:
    before = (flet.run, flet.run_async, type(flet.app))
    program = load_program(str(write("started.py", *MAIN, call)))
    assert program.main is sys.modules["started"].main
    assert program.settings()["app_path"] == "n"
    assert (flet.run, flet.run_async, type(flet.app)) == before


def test_start_from_inside_a_coroutine(write: Write) -> None:
    lines = ("import asyncio", "async def go():", "    await ft.run_async(main)", "asyncio.run(go())")
    assert callable(load_program(str(write("inside.py", *MAIN, *lines))).main)


def test_exported_asgi_app_keeps_the_routes_of_the_script(write: Write) -> None:
    lines = (
        "app = ft.run(main, export_asgi_app=True)",
        "@app.get('/price')",
        "def price(): return 1",
        "after = 1",
    )
    drop_in = DropIn(lambda arguments: FastAPI(), {})
    program = load_program(str(write("exported.py", *MAIN, *lines)), (), drop_in)
    assert program.asgi_app is sys.modules["exported"].app
    assert program.asgi_app is not None
    assert "/price" in [getattr(route, "path", "") for route in program.asgi_app.routes]
    assert sys.modules["exported"].after == 1


def test_before_main(write: Write) -> None:
    lines = ("def first(page): pass", "ft.run(main, before_main=first)")
    program = load_program(str(write("two.py", *MAIN, *lines)))
    assert program.before_main is sys.modules["two"].first
    assert "before_main" not in program.arguments


def test_script_runs_once_however_often_it_is_loaded(write: Write) -> None:
    path = write("once.py", *MAIN, "import sys", "sys.once = getattr(sys, 'once', 0) + 1", "ft.run(main)")
    assert load_program(str(path)) is load_program(str(path))
    assert sys.once == 1  # type: ignore[attr-defined]
    del sys.once  # type: ignore[attr-defined]


def test_script_sees_its_arguments_and_its_neighbours(write: Write) -> None:
    write("prices.py", "PRICE = 5")
    path = write("argued.py", "import sys, prices", *MAIN, "seen = list(sys.argv)", "ft.run(main)")
    load_program(str(path), ["--fast"])
    assert sys.modules["argued"].seen == [str(path), "--fast"]
    assert sys.path[0] == str(path.parent)


def test_script_imported_by_its_own_modules_is_the_same_module(write: Write) -> None:
    write("pages.py", "def price():", "    import kiosk", "    return kiosk.PRICES")
    write("kiosk.py", "import pages", "PRICES = [1]", *MAIN, "ft.run(main)")
    load_program("kiosk.py")
    assert sys.modules["pages"].price() is sys.modules["kiosk"].PRICES


def test_script_named_like_a_module_of_python_does_not_hide_it(write: Write) -> None:
    program = load_program(str(write("calendar.py", *MAIN, "ft.run(main)")))
    assert program.module == program.name == program.main.__module__ == "calendar_app"


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("01 my todo.py", "01-my-todo-8f82a8d7"),
        ("übung.py", "bung-"),
        ("应用.py", "63c73c47"),
        (f"{'a' * 90}.py", "aaa"),
    ],
)
def test_script_may_be_called_anything(write: Write, script: str, name: str) -> None:
    program = load_program(str(write(script, *MAIN, "ft.run(main)")))
    assert program.name.startswith(name)
    assert Settings(app_name=program.name).app_name == program.name
    assert program.name
    assert program.module == program.main.__module__ == script.removesuffix(".py")


def test_module_in_a_package_keeps_its_relative_imports(write: Write) -> None:
    write("market/__init__.py")
    write("market/views.py", "def main(page): pass")
    write("market/start.py", "import flet as ft", "from .views import main", GUARD, "    ft.run(main)")
    program = load_program("market.start")
    assert (program.module, program.name) == ("market.start", "start")
    assert program.main.__module__ == "market.views"
    assert program.is_app_module("market.views")
    assert program.modules.folder == program.path.parent.parent


def test_package_is_run_by_its_main_module(write: Write) -> None:
    write("bazaar/__init__.py")
    write("bazaar/__main__.py", *MAIN, GUARD, "    ft.run(main)")
    program = load_program("bazaar")
    assert (program.module, program.name) == ("bazaar.__main__", "bazaar")
    assert program.main.__module__ == "bazaar.__main__"


@pytest.mark.parametrize("target", [".", "here", "here:main", "there"])
def test_a_folder_stands_for_the_script_in_it(write: Write, target: str) -> None:
    for name in ("main.py", "here/main.py", "there/src/main.py"):
        write(name, *MAIN, "ft.run(main)")
    program = load_program(target)
    folder = {".": "", "there": "there/src"}.get(target, "here")
    assert (program.name, program.path) == ("main", Path(folder, "main.py").resolve())


def test_a_folder_without_a_script_is_told_so(write: Write) -> None:
    write("empty/app.py", *MAIN)
    with pytest.raises(ProgramError, match=r"no main\.py in empty.*empty/app\.py"):
        load_program("./empty")


def test_function_is_named_directly(write: Write) -> None:
    write(
        "named.py", *MAIN, "class Shop:", "    @staticmethod", "    def main(page): pass", GUARD, "    1 / 0"
    )
    assert load_program("named.py:main").main is sys.modules["named"].main
    assert load_program("named:Shop.main").main is sys.modules["named"].Shop.main


def test_arguments_of_an_unguarded_call_count_for_the_function_it_runs(write: Write) -> None:
    write("both.py", *MAIN, "def other(page): pass", "ft.run(main, port=7)")
    assert load_program("both.py:main").arguments == {"port": 7}
    assert load_program("both.py:other").arguments == {}


def test_settings_of_the_script(write: Write, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    call = "ft.run(main, host='0.0.0.0', port=0, upload_dir='up', web_renderer=ft.WebRenderer.SKWASM)"
    settings = load_program(str(write("asked.py", *MAIN, call))).settings()
    given = {name: value for name, value in settings.items() if value is not None}
    assert given == {
        "host": "0.0.0.0",
        "upload_dir": tmp_path / "up",
        "assets_dir": tmp_path / "assets",
        "web_renderer": "skwasm",
    }


def test_own_run_takes_settings_too(write: Write) -> None:
    call = "import flet_cluster; flet_cluster.run(main, workers=3, commit_interval=0.5, assets_dir=None)"
    settings = load_program(str(write("owner.py", *MAIN, call))).settings()
    assert (settings["workers"], settings["commit_interval"], settings["assets_dir"]) == (3, 0.5, None)


def test_own_run_takes_what_flets_functions_call_settings(write: Write) -> None:
    call = "import flet_cluster; flet_cluster.run(main, session_timeout_seconds=5, upload_endpoint_path='up')"
    settings = load_program(str(write("owner2.py", *MAIN, call))).settings()
    assert (settings["session_timeout"], settings["upload_endpoint"]) == (5, "up")


def test_app_modules(write: Write) -> None:
    write(".venv/pyvenv.cfg")
    write(".venv/lib/site-packages/lib_a.py")
    write("vendored/pyvenv.cfg")
    write("vendored/lib_b.py")
    write("helper.py")
    write("sub/__init__.py")
    path = write(
        "owned.py", "import sys", "sys.path += ['vendored', '.venv/lib/site-packages']", *MAIN, "ft.run(main)"
    )
    program = load_program(str(path))
    sys.path_importer_cache.clear()
    for name in ("owned", "helper", "sub"):
        assert program.is_app_module(name), name
    for name in (
        "lib_a",
        "lib_b",
        "flet",
        "json",
        "flet_cluster.settings",
        "builtins",
        "no.such",
        "__main__",
        "",
    ):
        assert not program.is_app_module(name), name


@pytest.mark.parametrize(
    ("lines", "target", "message"),
    [
        ((*MAIN,), "wrong.py", r"never called ft\.run.*wrong\.py:main"),
        (("def mein(page):", "    pass"), "wrong.py", r"ft\.run\(mein\), or .*: wrong\.py:mein$"),
        (("import fastapi", "web = fastapi.FastAPI()"), "wrong.py", r"builds an ASGI.*wrong\.py:web"),
        (("import flet as ft", "ft.run()"), "wrong.py", "missing a required argument: 'main'"),
        (("import flet as ft", "ft.run(1)"), "wrong.py", "main is 1, not a function"),
        (("x = 1", "boom = 1 / 0"), "wrong.py", r"wrong\.py\", line 2(.|\n)*ZeroDivisionError"),
        (("def f(:",), "wrong.py", "SyntaxError"),
        (("import sys", "sys.exit(3)"), "wrong.py", r"exited \(code 3\) before"),
        (("import missing_library",), "wrong.py", "No module named 'missing_library'"),
        ((*MAIN,), "wrong.py:start", "has no 'start'. It defines: main"),
        ((*MAIN,), "nothere.py", r"no file nothere\.py"),
        ((*MAIN,), "nothere", "no module 'nothere'"),
        ((*MAIN,), "no.there", "no module 'no.there'"),
        ((*MAIN,), "not a name", "neither a Python file nor a module"),
    ],
)
def test_errors_say_what_to_do(write: Write, lines: tuple[str, ...], target: str, message: str) -> None:
    write("wrong.py", *lines)
    with pytest.raises(ProgramError, match=message) as caught:
        load_program(target)
    assert "importlib" not in str(caught.value)
    assert "scripts.py" not in str(caught.value)


def test_running_again_while_served_is_an_error(write: Write) -> None:
    path = write("twice.py", "from flet import run", "def main(page):", "    run(main)", "run(main)")
    with pytest.raises(RuntimeError, match="running already"):
        load_program(str(path)).main(None)


def test_program_of_a_function_at_hand(write: Write, tmp_path: Path) -> None:
    write("given.py", *MAIN)
    sys.path.insert(0, str(tmp_path))
    program = program_of(importlib.import_module("given").main, port=9)
    assert (program.module, program.name) == ("given", "given")
    assert program.settings()["port"] == 9
    assert program.is_app_module("given")


def test_program_of_something_without_a_place() -> None:
    with pytest.raises(ProgramError, match="define main with def, in a file"):
        program_of(print)


def test_main_script_is_known_under_its_own_name_too(write: Write) -> None:
    path = write(
        "direct.py",
        "import sys",
        "from flet_cluster.host.program import program_of",
        "def main(page): pass",
        "program = program_of(main)",
        "assert sys.modules['direct'].main is main",
        "assert program.modules.canonical('__main__') == 'direct'",
        "assert program.is_app_module('__main__') and program.is_app_module('direct')",
        "print(program.module, program.name)",
    )
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "direct direct\n"


def test_child_processes_find_the_functions_of_a_script(write: Write) -> None:
    script = write(
        "forked.py",
        *MAIN,
        "import multiprocessing",
        "def double(x): return 2 * x",
        "def work():",
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:",
        "        return pool.map(double, [21])",
        GUARD,
        "    ft.run(main)",
    )
    start = write(
        "start_it.py",
        "from flet_cluster.host.program import load_program",
        GUARD,
        f"    print(load_program({str(script)!r}).main.__globals__['work']())",
    )
    done = subprocess.run([sys.executable, "-P", str(start)], capture_output=True, text=True, check=True)
    assert done.stdout == "[42]\n"


def test_program_cannot_be_changed(write: Write) -> None:
    program = load_program(str(write("fixed.py", *MAIN, "ft.run(main)")))
    assert isinstance(program, Program)
    with pytest.raises(AttributeError):
        program.main = print  # type: ignore[misc]


def test_script_that_exits_behind_its_call_is_kept(write: Write) -> None:
    lines = ("import sys", "try:", "    ft.run(main)", "finally:", "    sys.exit(0)")
    assert load_program(str(write("exiting.py", *MAIN, *lines))).main is sys.modules["exiting"].main


def test_call_while_a_neighbour_is_imported_is_refused(write: Write) -> None:
    write("inner.py", *MAIN, "ft.run(main)")
    with pytest.raises(ProgramError, match=r"inner calls ft\.run while it is being imported"):
        load_program(str(write("outer.py", "import inner")))


@pytest.mark.parametrize(
    "start",
    [
        "uvicorn.run(web, port=9)",
        'uvicorn.run("serving:web", port=9, reload=True)',
        "uvicorn.run(lambda: web, port=9, factory=True)",
    ],
)
def test_a_script_that_serves_its_application_itself_does_not(write: Write, start: str) -> None:
    write(
        "serving.py",
        "import uvicorn",
        "from fastapi import FastAPI",
        "web = FastAPI()",
        GUARD,
        f"    {start}",
    )
    serve = uvicorn.run
    program = load_program("serving.py", (), DropIn(export=dict, modules={}, servers=(uvicorn,)))
    assert program.asgi_app is sys.modules["serving"].web
    assert program.settings() == {"port": 9}
    assert uvicorn.run is serve


def test_an_asgi_application_is_told_from_a_main(write: Write) -> None:
    write(
        "both_kinds.py",
        "from fastapi import FastAPI",
        "web = FastAPI()",
        "async def raw(scope, receive, send): ...",
        "def main(page, size=1, colour='red'): ...",
    )
    for name in ("web", "raw"):
        program = load_program(f"both_kinds.py:{name}")
        assert program.asgi_app is getattr(sys.modules["both_kinds"], name)
        assert program.settings() == {}
    assert load_program("both_kinds.py:main").asgi_app is None
