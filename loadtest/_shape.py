"""What the shapes have in common: ``-u`` is their peak, ``-r`` and ``-t`` count, and each has a default."""

from __future__ import annotations

from typing import Any

from locust import LoadTestShape


class Shape(LoadTestShape):
    """Says at each moment how many users there are; ends with the run's time.

    Attributes:
        default_users: without ``-u``.
        default_seconds: without ``-t``.
    """

    abstract = True
    use_common_options = True
    default_users = 100
    default_seconds = 300.0

    @property
    def options(self) -> Any:
        """The command line."""
        assert self.runner is not None
        return self.runner.environment.parsed_options

    def tick(self) -> tuple[int, float] | None:
        """Return users and users a second, or None at the end."""
        seconds = self.options.run_time or self.default_seconds
        part = self.get_run_time() / seconds
        if part >= 1:
            return None
        peak = self.options.num_users or self.default_users
        users = max(1, round(peak * self.share(part)))
        return users, self.options.spawn_rate or max(1.0, users / 2)

    def share(self, part: float) -> float:
        """Return which share of the peak there is when a part of the run is over; both from 0 to 1."""
        raise NotImplementedError
