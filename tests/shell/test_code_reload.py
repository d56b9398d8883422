"""``--reload``: a user goes on clicking while the code under the app is edited."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.shell.running import COMMAND, LONG, Served, eventually, free_port, started
from tests.steps import Click
from tests.tab import TabEnded, open_tab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tab import Tab

APP = """\
import flet as ft
from words import greeting

def main(page):
    count = 0
    label = ft.Text("Count: 0")

    def plus(e):
        nonlocal count
        count += 1
        label.value = f"Count: {count}"

    def greet(e):
        page.add(ft.Text(greeting()))

    page.add(label, ft.Button("plus", on_click=plus), ft.Button("greet", on_click=greet))

if __name__ == "__main__":
    ft.run(main)
"""
WORDS = "def greeting():\n    return 'hello'\n"
STILL_SERVES = "The code from before still serves; waiting for the next change."


async def says(app: Served, text: str, count: int = 1) -> None:
    """Wait until it has written something so many times."""
    await asyncio.to_thread(eventually, lambda: app.output().count(text) >= count, text)


async def has_served(app: Served, workers: int) -> None:
    """Wait until so many workers have come since the start."""
    await says(app, " serves (pid ", workers)


@contextlib.contextmanager
def developed(folder: Path, *command: str) -> Iterator[Served]:
    """Run the app while it is being edited; it ends well."""
    port = free_port()
    with started(folder, *(command or (*COMMAND, "app.py", "--reload")), FLET_SERVER_PORT=str(port)) as app:
        app.port = port
        yield app
        assert app.stop() == 0


def tab_on(app: Served) -> contextlib.AbstractAsyncContextManager[Tab]:
    return open_tab(lambda: [f"ws://127.0.0.1:{app.port}/ws"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the app."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "words.py").write_text(WORDS)
    return tmp_path


async def moved(tab: Tab, times: int) -> None:
    """Wait until the browser has been taken over so many times; nothing was lost on the way.

    With several workers it may come by another old one.
    """
    await tab.until(lambda: len(tab.nodes) > times, LONG)
    assert tab.resumes == len(tab.nodes) - 1


async def counted(tab: Tab, count: int) -> None:
    """Click and see that nothing was lost."""
    await tab.do(Click("plus"))
    assert f"Count: {count}" in tab.client.texts()


def save(path: Path, text: str) -> None:
    """Write as editors do: another file, renamed."""
    other = path.with_name(f".{path.name}.tmp")
    other.write_text(text)
    other.replace(path)


async def test_a_session_outlives_the_code_it_began_with(folder: Path) -> None:
    with developed(folder) as app:
        await has_served(app, 1)
        async with tab_on(app) as tab:
            await counted(tab, 1)
            await tab.do(Click("greet"))
            assert "hello" in tab.client.texts()

            save(folder / "words.py", WORDS.replace("hello", "good morning"))
            await moved(tab, 1)
            await counted(tab, 2)
            await tab.do(Click("greet"))
            assert "good morning" in tab.client.texts()

            (folder / "words.py").write_text("def greeting(:\n")
            await says(app, STILL_SERVES)
            await counted(tab, 3)
            (folder / "words.py").unlink()
            await says(app, STILL_SERVES, 2)
            await counted(tab, 4)
            assert "SyntaxError" in app.output()
            assert "No module named 'words'" in app.output()

            (folder / "words").mkdir()
            for i in range(20):  # a burst, in a folder that nobody has watched yet
                (folder / "words" / f"part{i}.py").write_text(f"NUMBER = {i}\n")
            (folder / "words" / "__init__.py").write_text(
                "from words.part19 import NUMBER\n\ndef greeting():\n    return f'from a package {NUMBER}'\n"
            )
            await moved(tab, 2)
            await counted(tab, 5)
            await tab.do(Click("greet"))
            assert "from a package 19" in tab.client.texts()
            (folder / "words" / "part19.py").write_text("NUMBER = 99\n")
            await moved(tab, 3)
            await tab.do(Click("greet"))
            assert "from a package 99" in tab.client.texts()
            await counted(tab, 6)


async def test_what_no_longer_fits_is_reset_where_the_user_sees_it(folder: Path) -> None:
    with developed(folder) as app:
        await has_served(app, 1)
        async with tab_on(app) as tab:
            await counted(tab, 1)
            save(folder / "app.py", APP.replace("count += 1", "count += 10"))
            with pytest.raises(TabEnded, match="outdated"):
                await tab.until(lambda: False, LONG)
        async with tab_on(app) as fresh:
            await counted(fresh, 10)


async def test_code_that_never_worked_is_waited_for(folder: Path) -> None:
    save(folder / "app.py", "import flet as ft\nft.run(mian)\n")
    with developed(folder) as app:
        await says(app, "NameError: name 'mian' is not defined")
        await says(app, "Waiting for a change of the code.")
        save(folder / "app.py", "import time\nprint('asleep', flush=True)\ntime.sleep(600)\n")
        await says(app, "asleep")
        save(folder / "app.py", APP)
        await has_served(app, 1)
        async with tab_on(app) as tab:
            await counted(tab, 1)


async def test_from_a_script_and_with_several_workers(folder: Path) -> None:
    call = "import flet_cluster\n    flet_cluster.run(main, reload=True, workers=2)"
    script = APP.replace("ft.run(main)", call)
    save(folder / "app.py", script)
    with developed(folder, "app.py") as app:
        await has_served(app, 2)
        async with tab_on(app) as tab:
            await counted(tab, 1)
            save(folder / "app.py", script.replace("workers=2", "workers=2, route_url_strategy='hash'"))
            await has_served(app, 4)
            await moved(tab, 1)
            await counted(tab, 2)
        page = await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{app.port}/")
        assert 'flet.routeUrlStrategy = "hash"' in page.text
