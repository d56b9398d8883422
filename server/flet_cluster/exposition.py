"""Prometheus' text format: puts figures of several processes together (layer 4: standard library only)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of the format."""
_UNUSED = "_created"
"""End of the names of series that say when others began: as many again, and nobody reads them."""


def merged(texts: Iterable[str]) -> str:
    """Put texts together whose series differ in labels: each metric is there once, with all its series."""
    families: dict[str, tuple[list[str], list[str]]] = {}
    for text in texts:
        samples: list[str] = []
        for line in text.split("\n"):  # values of labels may have other ends of lines in them
            if line.startswith("# "):
                about, samples = families.setdefault(line.split(" ", 3)[2], ([], []))
                if len(about) < _LINES_ABOUT:
                    about.append(line)
            elif line:
                samples.append(line)
    shown = (block for name, block in families.items() if not name.endswith(_UNUSED))
    return "".join(f"{line}\n" for about, samples in shown for line in (*about, *samples))


_LINES_ABOUT = 2
"""Lines that describe a metric: what it means, and its kind."""
