"""One step of a trial or of setting up, and what came of it (layer 2: imports layer 0 only)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flet_cluster.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Awaitable


@dataclass(frozen=True, slots=True)
class Step:
    """What was tried.

    Attributes:
        name: what it is about.
        outcome: ``skipped`` is for what cannot be tried here, and is no failure.
        detail: what was found, and for a failure what to do.
    """

    name: str
    outcome: Literal["ok", "failed", "skipped"]
    detail: str = ""

    def __str__(self) -> str:
        mark = {"ok": "ok", "failed": "FAILED", "skipped": "skipped"}[self.outcome]
        return f"{mark:8} {self.name}" + (f": {self.detail}" if self.detail else "")


class StepFailed(Exception):
    """It does not work; the message says what to do."""


class StepSkipped(Exception):
    """It cannot be tried; the message says why."""


async def attempt(name: str, work: Awaitable[str | None], to_fix: str = "") -> Step:
    """Try something.

    Args:
        name: of the step.
        work: returns what is worth saying if it went well.
        to_fix: what to do if the store fails in it.
    """
    try:
        return Step(name, "ok", await work or "")
    except StepSkipped as skipped:
        return Step(name, "skipped", str(skipped))
    except StepFailed as failed:
        return Step(name, "failed", str(failed))
    except BlobError as error:
        told = error.__cause__ is None or str(error.__cause__) in str(error)
        cause = "" if told else f" ({error.__cause__})"
        return Step(name, "failed", f"{error}{cause}" + (f". {to_fix}" if to_fix else ""))
