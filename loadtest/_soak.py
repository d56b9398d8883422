"""Eight hours with a tide between four fifths of the users and all: shows what grows."""

from __future__ import annotations

import math

from loadtest._shape import Shape

_TIDES, _LOW = 16, 0.8


class Soak(Shape):
    """For long."""

    default_seconds = 8 * 3600.0

    def share(self, part: float) -> float:
        """Return the height of the tide."""
        return 1 - (1 - _LOW) * (1 - math.cos(2 * math.pi * _TIDES * part)) / 2
