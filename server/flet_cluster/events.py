"""What the inner layers tell the outside (layer 0: imports the standard library only).

The core never imports a metrics or tracing library: it calls an :class:`Observer`. The names are those of
the invariants and of the life of a session, so that a metric, a log line and a test speak of the same thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Observer(Protocol):
    """Receives what happens. Methods must be quick, must not raise and may be called from any thread."""

    def count(self, name: str, /, amount: int = 1, **labels: str) -> None:
        """Something happened ``amount`` times, for example ``count("reset", reason="expired")``."""

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """A measurement: seconds for names ending in ``_seconds``, bytes for ``_bytes``."""

    def gauge(self, name: str, read: Callable[[], float], /) -> None:
        """A level, which is read when somebody looks, in any thread.

        ``read`` replaces an earlier one of that name.
        """

    def levels(
        self, name: str, labels: tuple[str, ...], read: Callable[[], Mapping[tuple[str, ...], float]], /
    ) -> None:
        """Levels that belong together: ``read`` returns each with the values of its ``labels``."""


class NullObserver:
    """Ignores everything."""

    def count(self, name: str, /, amount: int = 1, **labels: str) -> None:
        """Ignore a count."""

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Ignore a measurement."""

    def gauge(self, name: str, read: Callable[[], float], /) -> None:
        """Ignore a level."""

    def levels(
        self, name: str, labels: tuple[str, ...], read: Callable[[], Mapping[tuple[str, ...], float]], /
    ) -> None:
        """Ignore levels."""


class FaultPoints:
    """Named places where a test may stop, delay or kill the process; free in production.

    The names, in order: ``applied`` (an event has changed the state), ``captured``, ``committed`` (the store
    has it), ``acknowledged`` (its output and the news of its input were handed to a socket), ``released`` (to
    a socket or not), ``published`` (its messages go out now), ``appended`` (they are in the app's stream),
    ``lease-released``.
    """

    def hit(self, name: str, session_id: str, /) -> None:
        """Pass the place ``name`` while working for ``session_id``."""
