"""What the dashboard makes of what it reads: lines of charts, their axes, a life's stays."""

from __future__ import annotations

import pytest

from flet_cluster.dashboard.charts import ceiling
from flet_cluster.dashboard.life import Stay, stays
from flet_cluster.dashboard.series import steps, together
from flet_cluster.inspection import LifeEvent, Sample

NOW = 1_000_000.0


@pytest.mark.parametrize("value", [0.0, 1e-5, 0.0031, 0.02, 1.0, 3.0, 80.0, 81.0, 999.0, 1000.0, 5.4e8])
def test_an_axis_ends_at_a_round_number_above(value: float) -> None:
    top = ceiling(value)
    assert top >= value * 0.999
    assert not value or top <= 2.5 * value


def sample(at: float, node: str, **values: float) -> Sample:
    return Sample(at, node, values)


def test_nodes_add_up_but_for_times() -> None:
    both = together(
        [
            {"sessions": 3, "events": 1.0, "latency": 0.010, "latency_high": 0.5, "lag": 0.1},
            {"sessions": 4, "events": 3.0, "latency": 0.002, "latency_high": 0.1, "lag": 0.2},
        ]
    )
    assert both["sessions"] == 7
    assert both["events"] == 4
    assert both["latency"] == pytest.approx(0.004), "that of the average event"
    assert (both["latency_high"], both["lag"]) == (0.5, 0.2), "those of the worst node"
    assert together([]) == {}


def test_a_node_counts_until_it_is_silent() -> None:
    samples = [sample(NOW - 100 + 10 * i, "a", sessions=1) for i in range(10)]
    samples += [sample(NOW - 98 + 10 * i, "b", sessions=10) for i in range(5)]  # the last one 58 s ago
    there = steps(sorted(samples, key=lambda one: one.at), 600, 60)
    totals = [int(step.figures["sessions"]) for step in there]
    assert totals[-1] == 1
    assert max(totals) == 11
    assert [step.number for step in there] == list(range(there[0].number, there[-1].number + 1))
    assert there[-1].at <= NOW
    assert there[0].at >= NOW - 110


def test_no_samples_no_steps() -> None:
    assert steps([], 600, 60) == []


def event(at: float, kind: str, node: str = "") -> LifeEvent:
    return LifeEvent(at, kind, node, "")


def test_a_life_is_where_the_session_was() -> None:
    life = [
        event(0, "created", "a"),
        event(5, "resumed", "a"),
        event(10, "released", "a"),
        event(40, "taken", "b"),
        event(40, "resumed", "b"),
        event(90, "seized", "c"),
    ]
    assert stays(life, 100) == [
        Stay("a", 0, 10),
        Stay("", 10, 40),
        Stay("b", 40, 90),
        Stay("c", 90, 100),
    ]
    assert stays([], 5) == []
