"""Targets in the template are those that the measurements give; target tracking on a measured day is calm."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from infra.aws import sizing
from tests.aws.stacks import FOLDER, defaults, resources

INPUTS = sizing.Inputs.load()
TASK = sizing.task(INPUTS)


def test_the_templates_targets_are_the_computed_ones() -> None:
    given = defaults("service")
    assert given["SessionsPerTask"] == TASK.target
    assert given["CpuTarget"] == TASK.cpu_target
    assert given["SessionsAlarm"] == TASK.alarm
    assert int(given["TaskCpu"]) == INPUTS.assumed["task_vcpu"] * 1024
    assert int(given["TaskMemory"]) == INPUTS.assumed["task_gib"] * 1024
    assert given["MinTasks"] == sizing.MIN_TASKS
    for policy in resources("service", "ApplicationAutoScaling::ScalingPolicy").values():
        cooldowns = policy["TargetTrackingScalingPolicyConfiguration"]
        assert cooldowns["ScaleOutCooldown"] == sizing.OUT_COOLDOWN * 60
        assert cooldowns["ScaleInCooldown"] == sizing.IN_COOLDOWN * 60


def test_the_smallest_size_is_the_default_of_redis() -> None:
    assert sizing.redis_node(INPUTS, 1_000)["type"] == defaults("data")["RedisNodeType"]


def test_sessions_of_a_dead_task_fit_into_the_other() -> None:
    session = INPUTS.measured["session"]
    each = session["node_bytes_awake"] + INPUTS.assumed["app_bytes_a_session"]
    assert session["node_base_bytes"] + 2 * TASK.target * each < INPUTS.assumed["task_gib"] * sizing.GIB


@pytest.mark.parametrize("users", sizing.SIZES)
def test_a_measured_day_neither_flaps_nor_runs_short(users: int) -> None:
    sessions = sizing.day(INPUTS, users)
    assert max(sessions) == users
    tasks = sizing.track(sessions, TASK.target, int(INPUTS.assumed["task_start_minutes"]))
    assert sizing.flaps(tasks) == 0
    fullest = max(total / count for total, count in zip(sessions, tasks, strict=True))
    assert fullest * sizing.unevenness(INPUTS) < TASK.alarm  # the fullest task too
    enough = -(-users // TASK.target)
    assert max(tasks) <= enough + 1
    assert min(tasks) == max(sizing.MIN_TASKS, min(tasks))


def test_a_day_of_which_each_quarter_jumps_would_flap() -> None:
    """The check can fail: a crowd that comes and goes every half an hour."""
    sessions = ([10 * TASK.target] * 30 + [2 * TASK.target] * 30) * 4
    assert sizing.flaps(sizing.track(sessions, TASK.target, 2)) > 0


def test_a_crowd_that_comes_at_once_gets_its_tasks_in_minutes() -> None:
    tasks = sizing.track([100] * 10 + [10 * TASK.target] * 20, TASK.target, 2)
    assert tasks[9] == 2
    assert tasks[10 + sizing.SCALE_OUT_MINUTES + 2] == 10


def test_more_clicks_want_more_tasks_and_money() -> None:
    busier = replace(INPUTS, assumed={**INPUTS.assumed, "clicks_a_minute": 30})
    assert sizing.task(busier).target < TASK.target
    assert float(sizing.lines(busier, 10_000)["sum"]) > float(sizing.lines(INPUTS, 10_000)["sum"])


def test_data_that_leaves_is_paid_in_steps() -> None:
    assert sizing.out_cost(INPUTS.prices, 100) == 0
    assert sizing.out_cost(INPUTS.prices, 1100) == pytest.approx(90)
    assert sizing.out_cost(INPUTS.prices, 100 + 10240 + 1000) == pytest.approx(10240 * 0.09 + 85)


def test_every_metric_of_an_alarm_is_paid_for() -> None:
    alarms = [
        alarm for name in ("data", "service") for alarm in resources(name, "CloudWatch::Alarm").values()
    ]
    ours = sum(
        len([m for m in alarm.get("Metrics", [{"MetricStat": {}}]) if "MetricStat" in m]) for alarm in alarms
    )
    policies = resources("service", "ApplicationAutoScaling::ScalingPolicy")
    assert ours + 2 * len(policies) == sizing.ALARMS


def test_what_goes_to_the_other_zone_is_paid_for() -> None:
    event = INPUTS.measured["event"]
    moved = event["bytes_to_redis"] + event["bytes_from_redis"]
    assert sizing.between_zones(INPUTS, 1e6) == moved * 1e6 / 2
    assert float(sizing.lines(INPUTS, 100_000)["between zones"]) > 50


def test_the_runbook_shows_what_is_computed() -> None:
    command = [sys.executable, str(FOLDER / "sizing.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "python infra/aws/sizing.py --write"
