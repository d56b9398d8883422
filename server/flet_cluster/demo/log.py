"""What happened in the demo, the last of it (layer 5)."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KEPT = 200


class Log:
    """Lines with their time of day.

    Args:
        show: prints a line.

    Attributes:
        printed: whether lines are printed at once, as they are while no view shows them.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._show = show
        self.printed = True

    def say(self, text: str) -> None:
        """Note something; it may have several lines."""
        now = time.strftime("%H:%M:%S")
        for line in text.splitlines():
            self._lines.append(f"{now}  {line}")
            if self.printed:
                self._show(f"{now}  {line}")

    def last(self, count: int) -> Sequence[str]:
        """Return the last so many lines."""
        return list(self._lines)[-count:]
