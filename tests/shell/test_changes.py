"""Which files count as the app's code, and that no change of them is missed."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.shell.running import LONG

from flet_cluster.changes import changes, differences, folder_of, folders_below, look
from flet_cluster.errors import ProgramError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("pages", "pages/shop", ".git", "__pycache__", "node_modules", "env/lib", "assets"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "app.py").write_text("one")
    return tmp_path


def test_folders_of_the_app_are_looked_into_and_those_of_others_are_not(home: Path) -> None:
    names = [folder.relative_to(home).as_posix() for folder in folders_below(home)]
    assert names == [".", "assets", "pages", "pages/shop"]


def test_how_many_folders_is_bounded(tmp_path: Path) -> None:
    for i in range(1100):
        (tmp_path / str(i)).mkdir()
    assert len(folders_below(tmp_path)) == 1000
    assert folders_below(tmp_path / "gone") == []


def test_what_counts(home: Path) -> None:
    before = look(folders_below(home), home / "assets")
    (home / "pages" / "shop" / "cart.py").write_text("")
    (home / "notes.txt").write_text("")
    (home / "assets" / "logo.png").write_text("")
    (home / "assets" / "index.html").write_text("")
    (home / "env" / "lib" / "other.py").write_text("")
    (home / "app.py").unlink()
    now = look(folders_below(home), home / "assets")
    assert [path.relative_to(home).as_posix() for path in differences(before, now)] == [
        "app.py",
        "assets/index.html",
        "pages/shop/cart.py",
    ]


def test_where_the_code_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home / "pages")
    assert folder_of("../app.py") == home
    assert folder_of("../app.py:main") == home
    assert folder_of("shop.views:main") == home / "pages"
    (home / "project" / "src").mkdir(parents=True)
    (home / "project" / "src" / "main.py").write_text("")
    assert folder_of("../project") == home / "project" / "src"
    with pytest.raises(ProgramError, match=r"There is no file gone\.py"):
        folder_of("gone.py")


@contextlib.asynccontextmanager
async def noticed(folder: Path) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    """Follow changes; yields a function that waits until one of a file of some name is noticed."""
    found = changes(folder, lambda: None)
    upcoming = asyncio.ensure_future(anext(found))
    await asyncio.sleep(0)  # the first look is taken

    async def until(name: str) -> None:
        nonlocal upcoming
        names: set[str] = set()
        while name not in names:
            names = {file.name for file in await asyncio.wait_for(asyncio.shield(upcoming), LONG)}
            upcoming = asyncio.ensure_future(anext(found))
            await asyncio.sleep(0)

    yield until
    upcoming.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await upcoming


@pytest.mark.parametrize("polling", ["", "true"])
async def test_a_day_of_work(home: Path, monkeypatch: pytest.MonkeyPatch, polling: str) -> None:
    if polling:  # as on network drives
        monkeypatch.setenv("WATCHFILES_FORCE_POLLING", polling)
    async with noticed(home) as until:
        (home / "app.py").write_text("two")
        await until("app.py")
        (home / ".saved.tmp").write_text("three")
        (home / ".saved.tmp").replace(home / "app.py")  # as editors save
        await until("app.py")
        (home / "views").mkdir()
        (home / "views" / "list.py").write_text("")
        await until("list.py")
        shutil.move(home / "views", home / "screens")
        await until("list.py")
        (home / "readme.txt").write_text("nothing to see")
        (home / "app.py").unlink()
        await until("app.py")


async def test_a_folder_that_goes_and_comes_back(home: Path, tmp_path: Path) -> None:
    site, kept = tmp_path / "site", tmp_path / "kept"
    shutil.copytree(home / "pages", site)
    (site / "start.py").touch()
    async with noticed(site) as until:
        shutil.move(site, kept)
        await until("start.py")
        shutil.move(kept, site)
        await until("start.py")
