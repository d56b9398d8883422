"""What became of one published app, from what its processes saw."""

from __future__ import annotations

import itertools
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.page_dump import difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.halves import Fired, Half

SHOWN = 400
DIFFERENT = "different"
Differences = dict[str, str]
"""What differs, by place."""
MOST = 10_000
"""So many differences are looked at."""
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([^']+)'")
_PLATFORM = re.compile(r"not supported on (the )?web|only (supported|available) on", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far one script came; each stage needs the one before.

    Attributes:
        reason: why it came no further, the same text for all with the same reason; "" when it came through.
        detail: what exactly happened.
    """

    script: str
    starts: bool = False
    page: bool = False
    patches: bool = False
    reason: str = ""
    detail: str = ""

    def as_row(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)


def not_started(script: str, failure: str) -> Verdict:
    """The app has no first page."""
    missing = _MISSING.search(failure)
    last = failure.strip().splitlines()[-1] if failure.strip() else "?"
    if missing:
        reason = f"missing package {missing[1]}"
    elif _PLATFORM.search(failure):
        reason = "not for the web"
    else:
        reason = f"does not start: {failure.partition(':')[0]}"
    return Verdict(script, reason=reason, detail=last[:SHOWN])


def judge(script: str, stayed: Half, moved: Half | None, again: Sequence[Half] = ()) -> Verdict:
    """Compare.

    Args:
        script: which one, for people.
        stayed: the half that ran ``main``.
        moved: the half that went on elsewhere; None if the session could not travel.
        again: further runs that stayed, where there is a difference to explain.
    """
    if stayed.captured is None or stayed.failure:
        return not_started(script, stayed.failure)
    if moved is None:
        return Verdict(script, starts=True, reason="cannot travel", detail=stayed.captured.obstacle)
    if moved.failure:
        return Verdict(script, starts=True, reason="cannot be restored", detail=moved.failure)
    graph = _differences(stayed.graph, moved.graph)
    patches = different_packets(stayed.fired, moved.fired)
    reason, detail = "", ""
    if patches:
        own = [different_packets(stayed.fired, run.fired) for run in again]
        reason, detail = _because("patches", stayed, patches, own)
    elif graph:
        own = [_differences(stayed.graph, run.graph) for run in again]
        reason, detail = _because("page", stayed, graph, own)
    elif stayed.late_obstacle:
        reason, detail = "cannot travel after a handler", stayed.late_obstacle
    return Verdict(script, True, not graph, not patches, reason, detail)


def _because(what: str, stayed: Half, found: Differences, own: list[Differences]) -> tuple[str, str]:
    """Whether differences have a reason of their own, or are ours to explain; and the first of them.

    Args:
        what: what differs.
        stayed: what ran at the snapshot.
        found: the differences by place.
        own: those between runs that never moved.
    """
    unexplained = [place for place in found if all(place not in run for run in own)]
    if not unexplained:
        return f"{what}: not deterministic by itself", next(iter(found.values()))
    detail = found[unexplained[0]]
    if stayed.doing:
        kinds = sorted({item.partition(" ")[0] for item in stayed.doing})
        return f"{what}: {', '.join(kinds)} still ran", detail
    return f"{what}: {DIFFERENT}", detail


def _differences(one: Any, other: Any) -> Differences:
    """Differences of two descriptions, by path."""
    lines = itertools.islice(difference(one, other), MOST)
    return {line.partition(": ")[0]: line[:SHOWN] for line in lines}


def different_packets(one: Fired, other: Fired) -> Differences:
    """Differences of what handlers caused, by handler and number of the packet."""
    found: Differences = {}
    for (name, packets), (other_name, others) in itertools.zip_longest(one, other, fillvalue=("", [])):
        if name != other_name:
            return found | {f"{name} or {other_name}": f"{name} != {other_name}"}
        for number, (mine, theirs) in enumerate(itertools.zip_longest(packets, others)):
            if mine != theirs:
                found[f"{name}, packet {number}"] = f"{name}: {_around(mine, theirs)}"
    return found


def _around(mine: bytes | None, theirs: bytes | None) -> str:
    """Two packets from shortly before their first difference on."""
    if mine is None or theirs is None:
        return f"{mine!r:.{SHOWN}} != {theirs!r:.{SHOWN}}"
    at = next((n for n, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), 0)
    start = max(0, at - 60)
    return f"{mine[start : at + 60]!r} != {theirs[start : at + 60]!r}"
