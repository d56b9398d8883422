"""A restored session goes on like its twin that never moved; what must not travel does not."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.page_dump import difference

if TYPE_CHECKING:
    from tests.host.stage import Record

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONHASHSEED": "0"}
"""Flet sends some fields in the order of a set of strings."""

APPS = sorted(path.stem for path in (ROOT / "tests" / "apps").glob("[!_]*.py"))


def half(name: str, app: str, folder: Path) -> Record:
    command = [sys.executable, "-W", "error", "-m", "tests.host.stage", name, app, str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record: Any = pickle.loads((folder / name).read_bytes())
    return record  # type: ignore[no-any-return]


@pytest.mark.parametrize("app", APPS)
def test_every_handler_works_in_a_fresh_process(app: str, tmp_path: Path) -> None:
    stayed = half("start", app, tmp_path)
    moved = half("resume", app, tmp_path)
    assert not list(difference(stayed.graph, moved.graph))
    assert moved.fired == stayed.fired
    assert not list(difference(stayed.after, moved.after))
    assert stayed.fired


SCRIPTS = {
    "shared_observable": """
        import flet as ft
        from dataclasses import dataclass

        @ft.observable
        @dataclass
        class State:
            count: int = 0

        STATE = State()
        Shared = ft.create_context(STATE)

        @ft.component
        def Counter():
            state = ft.use_context(Shared)
            def up(): state.count += 1
            return ft.Button(f"{state.count}", on_click=up)

        def main(page):
            page.render(Counter)
        """,
    "library_component": """
        import flet as ft

        @ft.component
        def Home():
            clicks, set_clicks = ft.use_state(0)
            return ft.Button(f"{clicks}", on_click=lambda: set_clicks(clicks + 1))

        @ft.component
        def App():
            turns, set_turns = ft.use_state(0)
            return ft.Column([
                ft.Button("again", on_click=lambda: set_turns(turns + 1)),
                ft.Router([ft.Route(index=True, component=Home)]),
            ])

        def main(page):
            page.render(App)
        """,
    "local_control": """
        import flet as ft

        def main(page):
            @ft.control
            class Key(ft.Button):
                digit: int = 0
            def press(e):
                page.add(Key(content="new", digit=e.control.digit + 1, on_click=press))
            page.add(Key(content="first", on_click=press))
        """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_in_a_fresh_process(name: str, tmp_path: Path) -> None:
    script = tmp_path / f"{name}.py"
    script.write_text(textwrap.dedent(SCRIPTS[name]))
    stayed = half("start", str(script), tmp_path)
    moved = half("resume", str(script), tmp_path)
    assert moved.fired == stayed.fired
    assert any(packets for (_, event), packets in moved.fired if event == "click")
