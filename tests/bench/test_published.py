"""The tool tells apps that survive a move from those that do not, and says why."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.bench.published import run, summary

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "import asyncio, itertools, os, flet as ft\n"
RUN = "\nft.run(main)\n"
FINE = """
def main(page):
    page.add(text := ft.Text("0"), ft.Button("b", on_click=lambda: click()))
    def click(): text.value += "1"
"""
OUTSIDE = """
ids = itertools.count()
def main(page):
    page.add(text := ft.Text(next(ids)), ft.Button("b", on_click=lambda: click()))
    def click(): text.value = next(ids)
"""
ENDLESS = """
async def main(page):
    page.add(text := ft.Text(""))
    while True:
        await asyncio.sleep(1)
        text.value += "."
        page.update()
"""
APPS = {
    "fine": (FINE, ""),
    "broken": ("def main(page): page.add(ft.Text(1 / 0))", "does not start: main raises ZeroDivisionError"),
    "needy": ("import no_such_package\ndef main(page): pass", "missing package no_such_package"),
    "stuck": ("def main(page): page.data = (n for n in page.views); next(page.data)", "cannot travel"),
    "by_chance": (FINE.replace('"1"', "os.urandom(9).hex()"), "patches: not deterministic by itself"),
    "outside": (OUTSIDE, "patches: different"),
    "endless": (ENDLESS, "patches: main still ran"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "library.py").write_text("def main(page): pass\n")
    for name, (body, _) in APPS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(HEAD + body + RUN)
    return tmp_path


def test_each_app_gets_its_verdict(folder: Path) -> None:
    found = asyncio.run(run(folder, "", 30.0))
    assert {each.script.partition("/")[0]: each.reason for each in found} == {
        name: reason for name, (_, reason) in APPS.items()
    }
    figures = list(summary(found))[:4]
    assert figures[:2] == ["7 scripts", "5 start"]
    assert figures[2].startswith("4 come back with identical page")
    assert figures[3].startswith("1 come back with identical patches")
    assert [each.script for each in found if each.patches] == ["fine/main.py"]


def test_only_some(folder: Path) -> None:
    assert [each.script for each in asyncio.run(run(folder, "fine", 30.0))] == ["fine/main.py"]
