"""``flet-cluster demo`` in a real browser: its app, while the node behind it is killed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.infra.demos import demo
from tests.shell.running import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chromium.screen import Screen


def test_counter_chat_and_uploads_outlive_the_node_behind_them(screen: Screen, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("words " * 1000)
    with demo(tmp_path) as cluster:
        screen.open(cluster.url, "Counter")
        screen.click("One more")
        node = eventually(lambda: _node(screen), "it says which node counted")
        _upload(screen, file)
        cluster.tell(f"kill {node}")
        cluster.said(rf"node {node} killed; 1 session resumed on ")
        screen.click("One more")
        screen.shows("2")
        assert _node(screen) != node
        _upload(screen, file)
        screen.shows("words.txt: 6,000 bytes")
        screen.lacks("Working...")
        assert screen.page.evaluate("seen.loads") == 1


def _node(screen: Screen) -> str:
    found = re.findall(r"counted by node (\d)", "\n".join(screen.page.evaluate("seen.lines()")))
    return found[0] if found else ""


def _upload(screen: Screen, file: Path) -> None:
    """Choose a file in the browser's dialog, and wait until the app lists it."""
    with screen.page.expect_file_chooser() as chooser:
        screen.click("Upload files")
    chooser.value.set_files([file])
    screen.shows(f"{file.name}: 6,000 bytes")
