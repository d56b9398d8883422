"""Figures of a run in Locust's own statistics, which sums them over workers and puts them into all reports.

Kinds (Locust's "Type") are ``link`` and ``plain``, for what users wait for, and ``fault``, for what must
never happen: each fault is a failed request, and with any of them the run ends with exit code 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locust.env import Environment

FAULT = "fault"
FAULTS = ("lost event", "doubled event", "lost session")
"""An event that was sent has no effect; has it twice; or all of a session is gone."""


_MOST_TEXTS = 200
_texts: set[str] = set()
"""What errors have said in this process."""


class Fault(Exception):
    """Something that must never happen; the message says what was seen."""


class Report:
    """Writes into the statistics of one run."""

    def __init__(self, environment: Environment) -> None:
        self._request = environment.events.request

    def timing(self, kind: str, name: str, seconds: float) -> None:
        """Something went well and took so long."""
        self._fire(kind, name, seconds * 1000, None)

    def note(self, kind: str, name: str) -> None:
        """Something happened that is worth counting."""
        self._fire(kind, name, None, None)

    def failure(self, kind: str, name: str, why: Exception) -> None:
        """Something did not work; Locust lists it, and the run fails unless it is told otherwise."""
        self._fire(kind, name, None, why)

    def fault(self, name: str, what: str, times: int = 1) -> None:
        """Something happened that must never happen: one of :data:`FAULTS`."""
        for _ in range(times):
            self._fire(FAULT, name, None, Fault(what))

    def _fire(self, kind: str, name: str, milliseconds: float | None, error: Exception | None) -> None:
        error = None if error is None else few(error)
        fields: dict[str, Any] = {"request_type": kind, "name": name, "response_time": milliseconds}
        self._request.fire(**fields, response_length=0, exception=error, context={})


def few(error: Exception) -> Exception:
    """Return an error, or one that stands for many: Locust keeps each text that it has seen for ever."""
    text = f"{type(error).__name__} {error}"
    if text not in _texts:
        if len(_texts) >= _MOST_TEXTS:
            return type(error)("others like it")
        _texts.add(text)
    return error


def show_faults(environment: Environment) -> None:
    """Give each fault a line in all reports, also while there is none."""
    for name in FAULTS:
        environment.stats.get(name, FAULT)


def faults(environment: Environment) -> dict[str, int]:
    """Return how often each fault has happened."""
    return {name: environment.stats.get(name, FAULT).num_failures for name in FAULTS}


def events(environment: Environment) -> int:
    """Return how many things users have done and seen done."""
    return _went_well(environment, "event ")


def why_nothing(environment: Environment) -> str:
    """Return what to look at when users have done nothing."""
    if not _went_well(environment, "open page"):
        return "no page opened. Does the address lead to a Flet app?"
    if _went_well(environment, "nothing "):
        return "pages opened, with nothing on them to do (what --skip finds is left alone)"
    return "pages opened, and the run ended before anything was done"


def _went_well(environment: Environment, prefix: str) -> int:
    entries = environment.stats.entries.items()
    return sum(
        entry.num_requests - entry.num_failures
        for (name, kind), entry in entries
        if kind != FAULT and name.startswith(prefix)
    )
