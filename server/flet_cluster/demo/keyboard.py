"""Keys of the terminal, one at a time and without an echo (layer 5)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ESCAPE = b"\x1b"
"""What arrows and the like begin with; the rest of them are letters and digits that nobody pressed."""


@contextlib.contextmanager
def keys(pressed: Callable[[str], None]) -> Iterator[None]:
    """Hand over every key that is pressed; in the end the terminal is as it was."""
    import termios  # noqa: PLC0415  not on Windows
    import tty  # noqa: PLC0415  the same

    terminal, loop = sys.stdin.fileno(), asyncio.get_running_loop()

    def read() -> None:
        try:
            came = os.read(terminal, 64)
        except OSError:  # it was taken away
            came = b""
        if not came:
            loop.remove_reader(terminal)
        if not came.startswith(_ESCAPE):
            for key in came.decode(errors="replace"):
                pressed(key)

    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    loop.add_reader(terminal, read)
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        with contextlib.suppress(termios.error):  # it is gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
