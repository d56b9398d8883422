"""Only what an app uses is put in place; what the tables promise exists. Each in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import flet
from tests.shell.running import ROOT

from flet_cluster.host.compat import _today, names, spelling
from flet_cluster.host.compat.members import ControlMembers, PageMembers, PubSubMembers, SessionMembers
from flet_cluster.host.compat.usage import Spelling

if TYPE_CHECKING:
    from pathlib import Path

TABLES: dict[str, list[str]] = {
    "names": list(names.NAMES),
    "attributes": list(names.ATTRIBUTES),
    "keywords": [f"{cls}.{keyword}" for cls, keywords in names.KEYWORDS.items() for keyword in keywords],
    "shapes": list(names.SHAPES),
    "page": list(names.PAGE),
    "control": list(names.CONTROL),
    "session": list(names.SESSION),
    "pubsub": list(names.PUBSUB),
    "now_async": sorted(names.NOW_ASYNC),
    "gone": list(names.GONE),
}

UNTOUCHED = """\
import sys, flet
from flet.controls.page import Page
from flet.messaging.session import Session
from flet.pubsub.pubsub_client import PubSubClient
import flet_cluster.host.program as program
classes = (Page, Page.__mro__[1], flet.BaseControl, Session, PubSubClient, flet.Button, flet.View, flet.Tabs)
before = [dict(vars(cls)) for cls in classes]
exported = list(flet.__all__)
for app in tuple(sys.argv[1:]):
    program.load_program(app)
assert [dict(vars(cls)) for cls in classes] == before
assert flet.__all__ == exported
from flet_cluster.host.compat import names
assert not names.NAMES.keys() & vars(flet).keys() - names.STILL_MODULES
assert "flet_cluster.host.compat.members" not in sys.modules
assert "flet_cluster.host.compat.controls" not in sys.modules
"""

ONLY_WHAT_IS_USED = """\
import sys, flet
import flet_cluster.host.program as program
app = sys.argv[1]
program.load_program(app)
program.program_of(program.load_program(app).main)
assert flet.ElevatedButton is flet.Button
assert flet.Button("x").text == "x"
assert not hasattr(flet, "colors")
assert not hasattr(flet.Page, "add_async")
assert not hasattr(flet.TextButton("x"), "is_default_action")
"""


ARGUMENTS = """\
import json, sys
import flet_cluster.host.program as program
found = program.load_program(sys.argv[1])
assert found.main.__name__ == "main"
print(json.dumps(found.arguments, default=lambda value: value.value))
"""

OLDER_ARGUMENTS = {
    "name": "shop",
    "port": 8550,
    "view": "web_browser",
    "assets_dir": "with_assets/assets",
    "upload_dir": "uploads",
    "web_renderer": "html",
    "route_url_strategy": "hash",
    "use_color_emoji": True,
}


def run(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_apps_of_today_find_flet_as_it_is() -> None:
    apps = [f"tests/apps/{name}.py" for name in ("counter", "todo", "dialogs", "routing", "chat", "services")]
    assert run(UNTOUCHED, *apps) == ""


def test_an_app_gets_what_it_uses_and_one_warning(tmp_path: Path) -> None:
    app = tmp_path / "shop.py"
    app.write_text(
        "import flet as ft\ndef main(page):\n    page.add(ft.ElevatedButton('a'))\n"
        "    ft.Audio()\nft.app(main)\n"
    )
    said = run(ONLY_WHAT_IS_USED, str(app))
    assert said == (
        "shop.py: older spellings of Flet, which work here but not in Flet itself. "
        "Today: ft.ElevatedButton is ft.Button (shop.py:3). "
        "Older names of Flet that cannot work. "
        "Instead: ft.Audio: install flet-audio and import flet_audio (shop.py:4)\n"
    )


def test_every_argument_that_ft_app_had_is_kept() -> None:
    said = run(ARGUMENTS, "tests/apps_older/keywords.py").splitlines()[0]
    assert json.loads(said) == OLDER_ARGUMENTS


def test_an_argument_that_never_was_is_refused(tmp_path: Path) -> None:
    app = tmp_path / "shop.py"
    app.write_text("import flet as ft\nft.app(print, colour='red')\n")
    done = subprocess.run(
        [sys.executable, "-c", ARGUMENTS, str(app)], capture_output=True, text=True, check=False
    )
    assert "got an unexpected keyword argument 'colour'" in done.stderr


def test_the_tables_lead_to_something_in_todays_flet() -> None:
    for path in (*names.NAMES.values(), *names.ATTRIBUTES.values()):
        assert _today(path) is not None
    for name in names.NAMES:
        assert name in names.STILL_MODULES or name not in flet.__all__
    bundles = (
        (PageMembers, names.PAGE),
        (ControlMembers, names.CONTROL),
        (SessionMembers, names.SESSION),
        (PubSubMembers, names.PUBSUB),
    )
    for bundle, table in bundles:
        assert {name for name in vars(bundle) if not name.startswith("__")} == set(table)
    assert not {name for name in names.PAGE if hasattr(flet.Page, name)}
    for cls, keywords in names.KEYWORDS.items():
        fields = _today(cls).__dataclass_fields__
        assert not keywords.keys() & fields.keys()
        assert set(keywords.values()) <= fields.keys()
    for cls in names.OTHER_FIELDS:
        assert names.TEXT_FIELD & _today(cls).__dataclass_fields__.keys()


def test_every_spelling_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "older-flet.md").read_text()
    written = set(re.findall(r"`([^`]+)`", text))
    families = tuple(older.removesuffix("…") for older in written if older.endswith("…"))
    for table, found in TABLES.items():
        for name in found:
            older, _ = spelling(Spelling(table, name))
            if table == "keywords":
                older = f"{name.partition('.')[2]}=…"
            assert older in written or older.startswith(families), f"docs/older-flet.md: {older}"
