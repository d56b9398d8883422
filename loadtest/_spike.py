"""A tenth of the users; in the second quarter suddenly all; then a tenth again."""

from __future__ import annotations

from loadtest._shape import Shape

_FROM, _TO, _CALM = 0.25, 0.5, 0.1


class Spike(Shape):
    """A rush."""

    def share(self, part: float) -> float:
        """Return all during the rush, a tenth before and after."""
        return 1.0 if _FROM <= part < _TO else _CALM
