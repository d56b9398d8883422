"""How figures are written for people: short, with a unit, never wider than they need (layer 1: pure).

The dashboard, the commands for operators and the demo write them alike; ``node.figures`` is what they are of.
"""

from __future__ import annotations

import datetime as dt

NONE = "-"
"""Stands for what is not known, or is not there. Every terminal can write it."""
_THOUSAND = 1000
_TEN = 10
_UNITS = (("d", 86400), ("h", 3600), ("m", 60))
_ID = 10


def count(value: float) -> str:
    """Write a number of things: ``7``, ``1,204``, ``1.2 M``."""
    if value >= _THOUSAND**2:
        return f"{value / _THOUSAND**2:.1f} M"
    return f"{value:,.0f}"


def rate(value: float) -> str:
    """Write something a second: ``0.4``, ``12``, ``1,204``."""
    return f"{value:.1f}" if 0 < value < _TEN else f"{value:,.0f}"


def seconds(value: float) -> str:
    """Write how long something took: ``0.8 ms``, ``12 ms``, ``1.4 s``."""
    if not value:
        return NONE
    if value >= 1:
        return f"{value:.1f} s"
    value *= _THOUSAND
    return f"{value:.1f} ms" if value < _TEN else f"{value:.0f} ms"


def size(value: float) -> str:
    """Write a number of bytes: ``312 B``, ``3.9 kB``, ``128 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < _THOUSAND or unit == "GB":
            return f"{value:.1f} {unit}" if 0 < value < _TEN and unit != "B" else f"{value:.0f} {unit}"
        value /= _THOUSAND
    raise AssertionError


def cores(value: float) -> str:
    """Write processor time used a second: ``0.42``, ``12.5``."""
    return f"{value:.2f}" if value < _TEN else f"{value:.1f}"


def duration(value: float) -> str:
    """Write a span of time by its two largest units, seconds in the first minute only: ``45s``, ``2h 5m``."""
    left = max(0, int(value))
    parts = []
    for unit, length in _UNITS:
        number, left = divmod(left, length)
        if number:
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2]) or f"{left}s"


def ago(then: float, now: float) -> str:
    """Write how long something is over; a dash if it is not known when it was, 0."""
    if not then:
        return NONE
    past = now - then
    return "now" if past < _TEN else f"{duration(past)} ago"


def clock(at: float) -> str:
    """Write a time of day, UTC: nodes, logs and operators may be in different zones."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%H:%M:%S")


def day(at: float) -> str:
    """Write a date, UTC."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d")


def date(at: float) -> str:
    """Write a date and a time of day, UTC; a dash if it is not known, 0."""
    return f"{day(at)} {clock(at)}" if at else NONE


def short(identifier: str) -> str:
    """Write an id where there is no room for all of it: its beginning tells it from others."""
    return identifier if len(identifier) <= _ID + 1 else f"{identifier[:_ID]}…"
