"""How much a message would cost to unpack, found out without unpacking it (layer 3; imports no Flet).

A byte of MessagePack can become an object of 64, and five bytes may say that an array of millions follows. So
a larger packet is counted first, by walking its headers: that allocates nothing, and skips long content.
"""

from __future__ import annotations

_CONTENT = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
_CONTENT |= {0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}
"""First byte of bytes, text or an extension → (bytes of its length, bytes between that and its content)."""
_ITEMS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
"""First byte of an array or map → (bytes of its count, values for each item)."""
_SIZES = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_SIZES |= {0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
"""First byte of a number or a short extension → bytes that follow."""


def _short(first: int) -> tuple[int, int]:
    """Return (bytes of a value without those in it, how many are in it) where its first byte says it all."""
    for start, end, size, items in ((0x80, 0x8F, 0, 2), (0x90, 0x9F, 0, 1), (0xA0, 0xBF, 1, 0)):
        if start <= first <= end:
            return 1 + size * (first - start), items * (first - start)
    return 1 + _SIZES.get(first, 0), 0


_SHORT = [_short(first) for first in range(256)]


def count_values(packed: memoryview, most: int) -> int:
    """Count the values in a message, those in its arrays and maps included.

    Raises:
        ValueError: there are more than ``most``, or the message ends before them.
    """
    position, found, due = 0, 1, 1
    end = len(packed)
    while due:
        if position >= end:
            raise ValueError("the message ends too early")
        if found > most:
            raise ValueError(f"more than {most} values")
        size, items = _header(packed, position)
        position += size
        found += items
        due += items - 1
    return found


def _header(packed: memoryview, position: int) -> tuple[int, int]:
    """Return (bytes of a value without those in it, how many values are in it)."""
    first = packed[position]
    if first in _CONTENT:
        width, between = _CONTENT[first]
        return 1 + width + between + _number(packed, position + 1, width), 0
    if first in _ITEMS:
        width, values = _ITEMS[first]
        return 1 + width, values * _number(packed, position + 1, width)
    return _SHORT[first]


def _number(packed: memoryview, position: int, width: int) -> int:
    return int.from_bytes(packed[position : position + width], "big")
