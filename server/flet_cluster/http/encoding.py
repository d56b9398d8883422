"""Content codings: which one a browser takes, and the bytes in it (layer 4: pure, touches no disk)."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import PurePosixPath

import brotli

CODINGS = ("br", "gzip")
"""Codings that are made, the better one first."""

SMALL = 32 * 1024
"""Bytes up to which the best quality takes no time worth saving."""

LARGEST = 32 * 1024 * 1024
"""Bytes from which nothing is compressed: it would take too much memory at once."""

_SMALLEST = 256
_GAIN = 0.95
_BEST_BROTLI, _FAST_BROTLI = 11, 5
_BEST_GZIP, _FAST_GZIP = 9, 5
_WINDOW_GZIP = 31

_COMPRESSIBLE = re.compile(
    r"\.(bin|bmp|css|csv|eot|frag|geojson|html?|ico|js|json|map|md|mjs|otf|rst|rtf|svg|symbols|tsv|ttf|txt|wasm"
    r"|webmanifest|xml|ya?ml)",
    re.IGNORECASE,
)
_COMPRESSIBLE_NAMES = frozenset({"LICENSE", "NOTICES"})


def is_compressible(path: str, size: int) -> bool:
    """Whether a file may become smaller; pictures, sounds, WOFF and archives are compressed already."""
    name = PurePosixPath(path)
    kind = _COMPRESSIBLE.fullmatch(name.suffix) is not None or name.name in _COMPRESSIBLE_NAMES
    return kind and _SMALLEST <= size <= LARGEST


def accepted(header: str) -> str | None:
    """Choose a coding by Accept-Encoding; None for the bytes as they are."""
    weights = dict(map(_weighed, header.lower().split(",")))
    rest = weights.get("*", 0.0)
    best = max(CODINGS, key=lambda coding: weights.get(coding, rest))  # the first of equals
    weight = weights.get(best, rest)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else None


def _weighed(item: str) -> tuple[str, float]:
    """Read ``br;q=0.5``; what is not a number counts as refused."""
    name, *parameters = (part.strip() for part in item.split(";"))
    weight = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                weight = 0.0
    return name, weight if 0 <= weight <= 1 else 0.0


def compressed(content: bytes, coding: str, *, best: bool) -> bytes:
    """Return bytes in a coding, or b"" if that does not make them notably smaller.

    Args:
        content: what to compress.
        coding: one of :data:`CODINGS`.
        best: as small as possible (seconds for a megabyte), or fast (a second for tens of megabytes).
    """
    if coding == "br":
        result = brotli.compress(content, quality=_BEST_BROTLI if best else _FAST_BROTLI)
    else:
        result = gzip.compress(content, _BEST_GZIP if best else _FAST_GZIP, mtime=0)
    return result if len(result) < _GAIN * len(content) else b""


def decompressed(body: bytes, coding: str, most: int) -> bytes | None:
    """Undo :func:`compressed`; None if that is not possible, or gives more than ``most`` bytes."""
    try:
        content = _brotli(body, most) if coding == "br" else _gzip(body, most)
    except (brotli.error, zlib.error):
        return None
    return content if content is not None and len(content) <= most else None


def _brotli(body: bytes, most: int) -> bytes | None:
    stream = brotli.Decompressor()
    parts = [stream.process(body, output_buffer_limit=most + 1)]
    while not stream.is_finished():
        if sum(map(len, parts)) > most or stream.can_accept_more_data():
            return None  # too much, or cut off
        parts.append(stream.process(b"", output_buffer_limit=most + 1))
    return b"".join(parts)


def _gzip(body: bytes, most: int) -> bytes | None:
    stream = zlib.decompressobj(_WINDOW_GZIP)
    content = stream.decompress(body, most + 1)
    return content if stream.eof else None
