"""Apps in the spelling of older Flet, unchanged, through the real command and over a node's death."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.browser import Browser
from tests.fleet import fleet
from tests.servers import running
from tests.shell.running import ROOT
from tests.steps import Back, Change, Click, Find, Shows
from tests.tab import open_tab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tab import Tab

APPS = ROOT / "tests" / "apps_older"


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url


def shows(tab: Tab, *texts: str) -> bool:
    return set(texts) <= set(tab.client.texts())


async def click(tab: Tab, text: str, *then: str) -> None:
    await tab.do(Click(text))
    await tab.until(lambda: shows(tab, *then))


async def test_sync_and_async_handlers(valkey: str) -> None:
    """The first snippet of the hosting page; both handlers wait at the same time."""
    with fleet(str(APPS / "sync_and_async.py"), valkey, 1) as nodes:
        async with open_tab(lambda: nodes.urls) as tab:
            for text in ("Call async handler", "Call handler"):
                for packet in tab.client.step(Click(text)):
                    tab.send(packet)
            await tab.until(lambda: shows(tab, "Handler clicked", "Async handler clicked"))
            assert not tab.client.crashes
        log = nodes.logs()
    assert log.count("older spellings of Flet") == 1
    assert "ft.ElevatedButton is ft.Button (sync_and_async.py:16 and 1 more)" in log


@pytest.mark.parametrize(
    ("app", "text"),
    [("main.py", "Hello ASGI!"), ("add_async.py", "Hello, Flet!"), ("keywords.py", "/ True")],
)
async def test_snippets_show_their_page(valkey: str, app: str, text: str) -> None:
    with fleet(str(APPS / app), valkey, 1, FLET_CLUSTER_WEB_RENDERER="auto") as nodes:
        urls = [nodes.urls[0].replace("/ws", "/shop/ws")] if app == "keywords.py" else nodes.urls
        async with open_tab(lambda: urls) as tab:
            Shows(text).check(tab.client)


async def test_assets(valkey: str) -> None:
    with fleet(str(APPS / "with_assets" / "main.py"), valkey, 1) as nodes:
        async with open_tab(lambda: nodes.urls) as tab:
            image = tab.client.find(Find(type="Image"))
            url = f"http://127.0.0.1:{nodes.nodes[0].port}{image.get('src')}"
            answer = await asyncio.to_thread(httpx.get, url)
            assert answer.headers["content-type"] == "image/png"


async def join(tab: Tab) -> None:
    """The dialog of the chat tutorial: a name is needed, then it closes."""
    await tab.do(Click("Join"))
    assert tab.client.find(Find(type="TextField")).get("error") == "Name cannot be blank!"
    await tab.do(Change(Find(type="TextField"), "Ada"))
    await tab.do(Click("Join"))
    await tab.until(lambda: not shows(tab, "Welcome!"))


async def test_an_older_app_survives_its_node(valkey: str) -> None:
    with fleet(str(APPS / "tour.py"), valkey, 2) as nodes:
        async with open_tab(lambda: nodes.urls, Browser()) as tab:
            await join(tab)
            await click(tab, "Count", "counted 1")
            await click(tab, "Confirm", "Please confirm")
            nodes.node(tab.node).kill()
            await tab.until(lambda: tab.resumes == 1)
            assert shows(tab, "Please confirm", "counted 1")
            await tab.do(Click("Yes"))
            assert not shows(tab, "Please confirm")
            await click(tab, "Count", "counted 2")
            await click(tab, "9", "99")
            await click(tab, "Extend", "extended", "said")  # bound methods, one of older Flet's
            await click(tab, "Publish", "hello from Ada")
            await click(tab, "Remember", "stored ['red', 'Ada']")
            await click(tab, "Tell", "Saved")
            await tab.do(Change(Find(type="Tabs"), 1, prop="selected_index"))
            await tab.until(lambda: shows(tab, "active"))
            assert "TextField.focus" in tab.client.calls
            assert not tab.client.crashes
        log = nodes.logs()
    assert "Traceback" not in log
    assert "was never awaited" not in log


async def test_routes(valkey: str) -> None:
    """``page.go(page.route)`` builds the first view: no client reports a route that it has already."""
    with fleet(str(APPS / "routes.py"), valkey, 1) as nodes:
        async with open_tab(lambda: nodes.urls) as tab:
            await tab.until(lambda: shows(tab, "Home"))
            await click(tab, "Visit", "Store")
            await click(tab, "Go Home", "Home")
            await click(tab, "Visit", "Store")
            await tab.do(Back())
            await tab.until(lambda: not shows(tab, "Store"))
            assert tab.client.browser.route == "/"
