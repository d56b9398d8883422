"""The capacity document says what was measured, and the model fits what was measured beside it."""

from __future__ import annotations

import json

import pytest
from tests.bench.capacity_model import DOCUMENT, Cost, Costs, Load, plan, typical, with_tables
from tests.shell.running import ROOT

FOUND = json.loads((ROOT / "tests" / "bench" / "capacity.json").read_text())
NEAR = 0.35
"""Of what was predicted: the machine is shared."""


def test_the_tables_of_the_document_are_those_of_the_measured_figures() -> None:
    text = DOCUMENT.read_text()
    assert with_tables(text, FOUND) == text, "run python -m tests.bench.capacity --document"


@pytest.mark.parametrize("what", ["node_seconds", "redis_seconds", "redis_calls", "redis_bytes"])
def test_the_model_predicted_what_was_measured(what: str) -> None:
    predicted, measured = Cost(**FOUND["mixed"]["predicted"]), Cost(**FOUND["mixed"]["measured"])
    assert getattr(measured, what) == pytest.approx(getattr(predicted, what), rel=NEAR)


def test_the_model_adds_up() -> None:
    costs = Costs.read(FOUND, "app")
    idle, busy = (costs.of(Load(1000, rate, asleep=0.25), nodes=2) for rate in (0.0, 1.0))
    event = 0.75 * costs.event.node_seconds + 0.25 * costs.woken_event.node_seconds
    assert busy.node_seconds - idle.node_seconds == pytest.approx(1000 * event)
    small, large = (plan(costs, typical(sessions)) for sessions in (10_000, 1_000_000))
    assert small["nodes"] >= 2
    assert large["redis_shards"] > small["redis_shards"] == 1
    assert large["redis_gib"] == pytest.approx(100 * small["redis_gib"])
