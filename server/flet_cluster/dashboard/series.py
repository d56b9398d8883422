"""What charts draw, from the samples of all nodes (layer 4: pure).

Nodes sample themselves each at its own moment. For the cluster as a whole, time is cut into steps; in each,
a node counts with its last sample if that is not older than a node's life allows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flet_cluster.node.figures import SAMPLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flet_cluster.inspection import Sample

_FRESH = 2.5 * SAMPLE_SECONDS


@dataclass(frozen=True, slots=True)
class Step:
    """The cluster at one moment.

    Attributes:
        number: of the step; they follow each other.
        at: the moment.
        figures: as those of a sample.
    """

    number: int
    at: float
    figures: Mapping[str, float]


def steps(samples: Sequence[Sample], span: float, count: int) -> list[Step]:
    """Return the cluster's figures at so many moments, oldest first; without those at which no node lived.

    Args:
        samples: of all nodes, in order of time.
        span: how far back, seconds.
        count: how many steps that makes.
    """
    width = span / count
    by_node: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_node[sample.node_id].append(sample)
    times = {node: [sample.at for sample in found] for node, found in by_node.items()}
    last = int(samples[-1].at // width) - 1 if samples else 0  # nobody adds to that one any more
    made = []
    for number in range(last - count + 1, last + 1):
        end = (number + 1) * width
        present = [
            by_node[node][index - 1].figures
            for node, moments in times.items()
            if (index := bisect_right(moments, end)) and end - moments[index - 1] < max(_FRESH, width)
        ]
        if present:
            made.append(Step(number, end, together(present)))
    return made


def together(nodes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the figures of several nodes as one: sums, but for times.

    Latency is that of the average event, the high one and the loop's lag those of the worst node.
    """
    names = {name for figures in nodes for name in figures}
    merged = {name: _MERGE.get(name, _sum)(nodes, name) for name in sorted(names)}
    if "events" in merged and merged.get("events"):
        weighted = sum(figures.get("latency", 0.0) * figures.get("events", 0.0) for figures in nodes)
        merged["latency"] = weighted / merged["events"]
    return merged


def _sum(nodes: Sequence[Mapping[str, float]], name: str) -> float:
    return sum(figures.get(name, 0.0) for figures in nodes)


def _worst(nodes: Sequence[Mapping[str, float]], name: str) -> float:
    return max(figures.get(name, 0.0) for figures in nodes)


_MERGE: Mapping[str, Callable[[Sequence[Mapping[str, float]], str], float]] = {
    "latency": _worst,
    "latency_high": _worst,
    "lag": _worst,
}
