"""What counts as an older spelling, and what only looks like one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.shell.running import ROOT

from flet_cluster.host.compat.sources import app_sources
from flet_cluster.host.compat.usage import usage_of
from flet_cluster.host.modules import AppModules

MODERN = sorted((ROOT / "tests" / "apps").glob("*.py")) + sorted((ROOT / "examples").rglob("*.py"))


def found(text: str) -> set[str]:
    usage = usage_of({Path("app.py"): ast.parse(text)})
    return {f"{spelling.table} {spelling.name}" for spelling, places in usage.places.items() if places}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import flet as ft\nft.ElevatedButton('a')", {"names ElevatedButton"}),
        ("import flet\nflet.colors.RED", {"names colors"}),
        ("import flet as f\nf.icons.ADD", {"names icons"}),
        ("from flet import icons\nicons.ADD", {"names icons"}),
        (
            "from flet import ElevatedButton as B\nB(text='a')",
            {"names ElevatedButton", "keywords Button.text"},
        ),
        ("from flet import *\nElevatedButton('a')", {"names ElevatedButton"}),
        (
            "import flet as ft\nft.colors.SURFACE_VARIANT",
            {"names colors", "attributes Colors.SURFACE_VARIANT"},
        ),
        ("import flet as ft\nft.Container(padding=ft.padding.all(1))", {"attributes padding.all"}),
        ("import flet as ft\nft.TextButton(text='a')", {"keywords TextButton.text"}),
        (
            "import flet as ft\nclass B(ft.TextButton):\n def f(s): super().__init__(text='a')",
            {"keywords TextButton.text"},
        ),
        ("import flet as ft\ndef main(page): page.dialog = 1", {"page dialog"}),
        ("import flet as ft\ndef main(p: ft.Page): p.go('/')", {"page go"}),
        ("import flet as ft\ndef f(self): self.page.session.set('a', 1)", {"session set"}),
        ("import flet as ft\nasync def f(x): await x.update_async()", {"control update_async"}),
        (
            "import flet as ft\ndef f(page): page.client_storage.get('a')",
            {"page client_storage", "gone page.client_storage.get"},
        ),
        ("import flet as ft\ndef f(e): e.page.pubsub.send_all_async(1)", {"pubsub send_all_async"}),
        (
            "import flet as ft\ndef f(self, page): self.client_storage = page.client_storage",
            {"page client_storage"},
        ),
        ("import flet as ft\ndef f(field): field.focus()", {"now_async focus"}),
        ("import flet as ft\nb = ft.Button('a', on_click=lambda e: field.focus())", {"now_async focus"}),
        ("import flet as ft\nft.View('/', [])", {"shapes View(route, controls)"}),
        ("import flet as ft\nft.Tabs(tabs=[])", {"shapes Tabs(tabs=)"}),
        ("import flet as ft\nf = ft.TextField()\nf.error_text = 'a'", {"keywords TextField.error_text"}),
        ("import flet as ft\nft.LineChart()", {"gone ft.LineChart"}),
    ],
)
def test_older(text: str, names: set[str]) -> None:
    assert found(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "import flet as ft\nfrom flet import icons\nicons.Icons.ADD",
        "import flet as ft\nasync def f(field): await field.focus()",
        "import flet as ft\nclass A:\n async def update_async(self): pass\nasync def f(a): a.update_async()",
        "import flet as ft\nft.View([ft.Text('a')], route='/')",
        "import flet as ft\nft.Dropdown()\nft.TextField()\nd.error_text = 'a'",
        "import flet as ft\nclass B(ft.Icon):\n def f(self): self.name = 'mine'",
        "import flet as ft\ndef f(path): path.open()\ndef g(web_page): web_page.close()",
        "async def f(page): await page.close(); await page.add_async()",
        "import flet as ft\ndef main(page): page.session.store.set('a', 1); page.show_dialog(page)",
        "import colors\ncolors.RED",
        "import flet as ft\nprint(hasattr(ft, 'ElevatedButton'))",
        "import flet\nft = flet\nft.Button()",
        "import flet\nprint(flet)",
        "import flet as ft\nclass Store: pass\ns = Store()\ns.client_storage = 1\nprint(s.client_storage)",
        "import flet as ft\nclass Store:\n client_storage: dict\nStore().client_storage.get('a')",
    ],
)
def test_not_older(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize("path", MODERN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_sample_app_of_today_counts(path: Path) -> None:
    assert not usage_of(app_sources(path, AppModules(path.parent))).places


def test_sources_are_what_the_app_imports(tmp_path: Path) -> None:
    files = {
        "main.py": "import tools, json\ndef f():\n from parts.late import x",
        "tools.py": "",
        "parts/__init__.py": "from . import early",
        "parts/early.py": "from ..tools import y",
        "parts/late.py": "from .sub.deep import z",
        "parts/sub/deep.py": "",
        "unused.py": "",
        "broken.py": "def",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    modules = AppModules(tmp_path)

    def names() -> set[str]:
        return {str(path.relative_to(tmp_path)) for path in app_sources(tmp_path / "main.py", modules)}

    used = set(files) - {"unused.py", "broken.py"}
    assert names() == used
    (tmp_path / "tools.py").write_text("import importlib\nimportlib.import_module('unused')")
    (tmp_path / "venv" / "lib").mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "venv" / "lib" / "other.py").touch()
    assert names() == used | {"unused.py"}
