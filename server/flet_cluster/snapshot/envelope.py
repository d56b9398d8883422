"""Header and prologue around a pickle (layer 1: imports the standard library and siblings only).

Format: ``magic``, u32 length of the header, u32 number of named objects, header, prologue, pickle. The header
is text: the Python version, then one line for each named object that the pickle refers to (an empty line: not
needed). The prologue puts the fixed tokens and the named objects into the unpickler's memo, at the indexes
under which the pickler's memo was seeded with them.
"""

from __future__ import annotations

import functools
import pickletools
import re
import struct
import sys
from typing import TYPE_CHECKING

from flet_cluster.errors import SnapshotError, SnapshotOutdated
from flet_cluster.snapshot.tokens import FIXED

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = b"fcs1"
EXTERNAL = "@"
"""What the name of an external begins with."""
CLASS_NAME = "%"
"""What the name of a class begins with; the rest is its reference."""
FIRST = len(FIXED)
"""Index of the first named object."""

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_SHORT_INDEX = 256
_GET_OPCODES = frozenset({"BINGET", "LONG_BINGET"})


def head(names: Sequence[str], externals: range, used: Sequence[int]) -> bytes:
    """Return header and prologue, naming only what the pickle refers to.

    Args:
        names: of the objects that the pickler's memo was seeded with, from index :data:`FIRST` on.
        externals: indexes of the externals among them: these are always named.
        used: what :func:`used_names` says.
    """
    stop = FIRST + len(names)
    lines, prologue, at = [_PYTHON], [_FIXED_PROLOGUE], FIRST
    for index in sorted({*externals, *used}):
        gap = index - at
        lines.append("\n" * gap + names[index - FIRST])
        prologue += (_skip(gap), _push(index))
        at = index + 1
    prologue.append(_skip(stop - at))
    header = "\n".join(lines).encode()
    return b"".join((MAGIC, struct.pack("<II", len(header), len(names)), header, *prologue))


def used_names(body: bytes, *ranges: tuple[int, int]) -> list[int]:
    """Return the indexes in these ranges that a pickle refers to, or seems to."""
    return sorted(set().union(*(_may_refer_to(body, first, stop) for first, stop in ranges)))


def unwrap(data: bytes) -> tuple[list[str], bytes]:
    """Return the names ("" for what is not needed) and the rest, from the prologue on.

    Raises:
        SnapshotError: it is not a snapshot.
        SnapshotOutdated: it was taken by another Python.
    """
    start = len(MAGIC) + 8
    if not data.startswith(MAGIC) or len(data) < start:
        raise SnapshotError("this is not a snapshot, or one of another format")
    size, _ = struct.unpack_from("<II", data, len(MAGIC))
    python, *names = data[start : start + size].decode().split("\n")
    if python != _PYTHON:
        raise SnapshotOutdated("python", f"the snapshot was taken by Python {python}, this is {_PYTHON}")
    return names, data[start + size :]


def referred(body: bytes) -> frozenset[int]:
    """Return for certain which of the memo's objects a pickle gets; slow, as it reads every opcode."""
    opcodes = pickletools.genops(body)
    return frozenset(int(argument or 0) for opcode, argument, _ in opcodes if opcode.name in _GET_OPCODES)


def _may_refer_to(body: bytes, first: int, stop: int) -> set[int]:
    """Return the indexes from ``first`` to ``stop`` that a pickle gets, and those that its data look like.

    One pass for each of two opcodes, however many indexes there are. The argument is looked at only, not
    consumed: what seems to be one may be the next opcode. An index too many is borne by the reading side; one
    too few never is.
    """
    found: set[int] = set()
    if first < min(stop, _SHORT_INDEX):
        found = set(b"".join(set(_short_gets(first, stop).findall(body))))
    if (far := max(first, _SHORT_INDEX)) < stop:
        arguments = set(_long_gets(far, stop).findall(body))
        found |= {index for index in map(_number, arguments) if far <= index < stop}
    return found


@functools.lru_cache
def _short_gets(first: int, stop: int) -> re.Pattern[bytes]:
    """Match BINGET: ``h`` and a byte; without it, where that may be the next ``h``."""
    last = min(stop, _SHORT_INDEX) - 1
    form = b"h([\\x%02x-\\x%02x])" if last < ord("h") else b"h(?=([\\x%02x-\\x%02x]))"
    return re.compile(form % (first, last))


@functools.lru_cache
def _long_gets(first: int, stop: int) -> re.Pattern[bytes]:
    """Match LONG_BINGET: ``j`` and four bytes, of which the highest are hardly ever more than zero."""
    if first >> 8 == (stop - 1) >> 8:  # a few names: no need to look at each reference to anything else
        low, high, *rest = first & 0xFF, *struct.pack("<I", stop - 1)
        return re.compile(rb"j(?=([\x%02x-\x%02x]\x%02x\x%02x\x%02x))" % (low, high, *rest))
    highest = struct.pack("<I", stop - 1)
    second = highest[1] if stop <= 1 << 16 else 255
    return re.compile(
        rb"j(?=([\x00-\xff][\x00-\x%02x][\x00-\x%02x][\x00-\x%02x]))" % (second, highest[2], highest[3])
    )


def _number(argument: bytes) -> int:
    return int.from_bytes(argument, "little")


def _push(index: int) -> bytes:
    """Opcodes: ask for the persistent object ``index``, memoize it, drop it."""
    return b"J" + struct.pack("<i", index) + b"Q\x940"


def _skip(count: int) -> bytes:
    """Opcodes: memoize None ``count`` times, so that what comes next gets the right index."""
    return b"N" + b"\x94" * count + b"0" if count else b""


_FIXED_PROLOGUE = b"\x80\x05" + b"".join(_push(index) for index in range(FIRST))
