"""The demo's view in a terminal, as its user sees it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import tempfile
import termios
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pyte
import pytest
from tests.infra.demos import COMMAND, environment
from tests.shell.running import LONG, eventually
from tests.steps import Click, Find
from tests.tab import Tab

from flet_cluster.demo.keyboard import keys
from flet_cluster.demo.program import has_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES, COLUMNS = 40, 120


class Terminal:
    """A terminal with a program in it."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
        )
        self._theirs = theirs
        self.raw = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(self._ours, 65536):
                self.raw += data
                self._stream.feed(data)

    def text(self) -> str:
        """What is on the screen, with one space where there are several."""
        return "\n".join(re.sub(" +", " ", line) for line in self._screen.display)

    def shows(self, *texts: str) -> str:
        """Wait until the screen shows all of this; return what it shows."""

        def there() -> bool:
            assert self.process.poll() is None, self.text()
            return all(text in self.text() for text in texts)

        try:
            eventually(there, f"the screen shows {texts}", 2 * LONG)
        finally:
            print(self.text())
        return self.text()

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def modes(self) -> list[object]:
        """How the terminal is set."""
        return list(termios.tcgetattr(self._theirs))

    def close(self) -> None:
        """Take the terminal away."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(LONG)
        self.process.kill()
        self.process.wait()
        os.close(self._theirs)
        self._reader.join(LONG)
        os.close(self._ours)


@contextlib.contextmanager
def terminal(*words: str) -> Iterator[Terminal]:
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        made = Terminal([*COMMAND, *words], {**environment(Path(folder)), "TERM": "xterm-256color"})
        try:
            yield made
        finally:
            made.close()


async def test_the_view_shows_nodes_and_sessions_and_obeys_keys() -> None:
    with terminal("--nodes", "2", "--no-storage") as screen:
        text = await asyncio.to_thread(screen.shows, "Nobody is there yet", "1 serving", "2 serving", "drain")
        url = next(word for word in text.split() if word.startswith("http://")).replace("http", "ws")
        tab = Tab(lambda: [f"{url}ws"])
        await tab.start()
        await tab.do(Click(Find(key="more")))
        text = await asyncio.to_thread(screen.shows, "Sessions: 1", "connected")
        node = _node_of_the_session(text)
        screen.press(f"{node}k")
        await asyncio.to_thread(screen.shows, f"node {node} killed; 1 session resumed on {3 - node} in ")
        await tab.do(Click(Find(key="more")))
        assert tab.client.find(Find(key="count")).get("value") == "2"
        screen.press("a")
        await asyncio.to_thread(screen.shows, "starting a node", "3 serving")
        screen.press(f"{3 - node}d")
        await asyncio.to_thread(screen.shows, f"node {3 - node} drained; 1 session resumed on 3 in ")
        await tab.do(Click(Find(key="more")))
        assert tab.client.find(Find(key="count")).get("value") == "3"
        await tab.stop()
        screen.press("q")
        assert await asyncio.to_thread(screen.process.wait, LONG) == 0
        assert screen.modes() == screen.before
        eventually(lambda: screen.raw.rstrip().endswith(b"l") or b"\x1b[?1049l" in screen.raw, "as it was")


async def test_keys_are_those_that_were_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    pressed: list[str] = []
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        with keys(pressed.append):
            for words in (b"\x1b[3~", b"\x1bOa", b"2k"):
                os.write(ours, words)
                await asyncio.sleep(0.05)
            await asyncio.to_thread(eventually, lambda: "k" in pressed, "keys are read")
            assert pressed == ["2", "k"]
            os.close(ours)
            await asyncio.sleep(0.05)  # who reads on for ever, or complains, is seen here


@pytest.mark.parametrize(("name", "able"), [("xterm", True), ("dumb", False), ("", False)])
def test_a_poor_terminal_gets_lines(name: str, able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs) as end:
        monkeypatch.setattr("sys.stdin", end)
        monkeypatch.setattr("sys.stdout", end)
        monkeypatch.setenv("TERM", name)
        assert has_terminal() == able
        monkeypatch.setattr("sys.stdin", None)
        assert not has_terminal()


def _node_of_the_session(text: str) -> int:
    """Which node the only session is on."""
    (node,) = re.findall(r"\S{8} connected (\d) ", text)
    return int(node)
