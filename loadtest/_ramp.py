"""Up in ten steps to the peak, which stays for the last fifth: shows where it begins to take longer."""

from __future__ import annotations

from loadtest._shape import Shape

_STEPS, _UP = 10, 0.8


class Ramp(Shape):
    """More and more users."""

    def share(self, part: float) -> float:
        """Return the height of the step."""
        return min(1.0, (int(part / _UP * _STEPS) + 1) / _STEPS)
