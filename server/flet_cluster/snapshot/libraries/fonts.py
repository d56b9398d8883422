"""Pillow's fonts travel as their file's path, or as the file if they were read from one (layer 1).

Pillow pickles them all by path. ``ImageFont.load_default()`` and fonts from bytes have none: their "path" is
a file that was read to its end.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer


def _reduce_font(font: Any) -> Any:
    data = getattr(font, "font_bytes", None)
    if data is None:
        return NotImplemented
    return _font, (type(font), data, font.size, font.index, font.encoding, font.layout_engine)


def _font(cls: Any, data: bytes, *options: Any) -> Any:
    """Make a font of a file's content."""
    return cls(io.BytesIO(data), *options)


TYPES: dict[str, Reducer] = {"PIL.ImageFont.FreeTypeFont": _reduce_font}
"""Reducers by the name of a type."""
