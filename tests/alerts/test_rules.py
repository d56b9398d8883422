"""The alert rules by themselves: what they ask for, how long they wait, what is written about them."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.alerts.rules import PAGE, RULES, panels, rules
from tests.alerts.server import binary

from flet_cluster import metrics

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = {
    *(f"{metrics.PREFIX}{name}_total" for name in metrics.COUNTERS),
    *(f"{metrics.PREFIX}{name}{end}" for name in metrics.HISTOGRAMS for end in ("_bucket", "_count", "_sum")),
    *(metrics.PREFIX + name for name in metrics.GAUGES),
    *("process_open_fds", "process_max_fds", "process_cpu_seconds_total", "process_resident_memory_bytes"),
    "process_start_time_seconds",
}
LABELS = 'app="shop", instance="a", process="1"'
ALL = 1000
"""More samples than any test looks at."""

WAITS: dict[str, tuple[dict[str, str], str, str]] = {
    "FletClusterGone": ({}, "1m", "130s"),
    "FletClusterRedisUnreachable": ({"heartbeat_age_seconds": f"12x{ALL}"}, "20s", "40s"),
    "FletClusterCommitsRepeated": ({"commit_retries_total": f"0+1x{ALL}"}, "3m", "4m"),
    "FletClusterCommitsSlow": (
        {
            'commit_seconds_bucket le="0.5"': f"0x{ALL}",
            'commit_seconds_bucket le="1.0"': f"0+1x{ALL}",
            'commit_seconds_bucket le="+Inf"': f"0+1x{ALL}",
        },
        "4m",
        "6m",
    ),
    "FletClusterEventsSlow": (
        {
            'event_seconds_bucket le="1.0"': f"0x{ALL}",
            'event_seconds_bucket le="2.0"': f"0+1x{ALL}",
            'event_seconds_bucket le="+Inf"': f"0+1x{ALL}",
        },
        "9m",
        "11m",
    ),
    "FletClusterHandlersWait": ({"lane_waiting": f"1x{ALL}"}, "1m", "130s"),
    "FletClusterFilesShort": (
        {"process_open_fds": f"90x{ALL}", "process_max_fds": f"100x{ALL}"},
        "4m",
        "310s",
    ),
    "FletClusterVersionsMixed": (
        {'node_info version="1"': f"1x{ALL}", 'node_info version="2"': f"1x{ALL}"},
        "59m",
        "61m",
    ),
}
"""Alert → series that set it off from the beginning, when it must not fire yet, when it must."""


def series(name: str, values: str) -> dict[str, str]:
    """Return an input series; ``name`` may be followed by labels of its own."""
    name, _, labels = name.partition(" ")
    full = name if name.startswith("process_") else metrics.PREFIX + name
    return {"series": f"{full}{{{LABELS}{', ' if labels else ''}{labels}}}", "values": values}


def firing(alert: str, at: str, count: int) -> dict[str, Any]:
    """Expect so many of an alert at a time."""
    samples = [{"labels": "{}", "value": count}] if count else []
    return {
        "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})',
        "eval_time": at,
        "exp_samples": samples,
    }


def promtool(tmp_path: Path, *tests: dict[str, Any]) -> None:
    """Run tests of rules."""
    path = tmp_path / "tests.yml"
    content = {"rule_files": [str(RULES)], "evaluation_interval": "10s", "tests": list(tests)}
    path.write_text(yaml.safe_dump(content))
    done = subprocess.run(
        [binary("promtool"), "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_them() -> None:
    done = subprocess.run(
        [binary("promtool"), "check", "rules", RULES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_they_and_the_dashboard_ask_for_metrics_that_there_are() -> None:
    for expression in (*(rule["expr"] for rule in rules()), *(expression for _, expression in panels())):
        assert set(re.findall(r"\b(?:flet_cluster|process)_\w+", expression)) <= KNOWN, expression


def test_what_to_do_is_written_for_each() -> None:
    names = [rule["alert"] for rule in rules()]
    assert sorted(re.findall(r"^### (\w+)$", PAGE.read_text(), re.MULTILINE)) == sorted(names)
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_each_waits_as_long_as_it_says(tmp_path: Path) -> None:
    assert WAITS.keys() == {rule["alert"] for rule in rules() if "for" in rule}
    promtool(
        tmp_path,
        *(
            {
                "interval": "10s",
                "input_series": [series(name, values) for name, values in given.items()],
                "promql_expr_test": [firing(alert, early, 0), firing(alert, late, 1)],
            }
            for alert, (given, early, late) in WAITS.items()
        ),
    )


OLD = series("process_start_time_seconds", f"-3600x{ALL}")
"""The process began long before anybody looked."""
FIRST = [rule for rule in rules() if "offset 10m" in rule["expr"]]


@pytest.mark.parametrize("rule", FIRST, ids=lambda rule: rule["alert"])
def test_the_first_count_of_a_counter_fires_and_so_does_a_later_one(
    rule: dict[str, Any], tmp_path: Path
) -> None:
    (name,) = set(re.findall(r"flet_cluster_(\w+)", rule["expr"]))
    much = int(rule["expr"].rsplit(">", 1)[1]) + 1
    counted = f"_x90 {much}x180 {2 * much}x{ALL}"  # at 15 and at 45 minutes
    promtool(
        tmp_path,
        {
            "interval": "10s",
            "input_series": [series(f'{name} reason="seal"', counted), OLD],
            "promql_expr_test": [
                firing(rule["alert"], at, count)
                for at, count in (("890s", 0), ("16m", 1), ("24m", 1), ("30m", 0), ("46m", 1), ("60m", 0))
            ],
        },
    )


@pytest.mark.parametrize("rule", FIRST, ids=lambda rule: rule["alert"])
def test_a_prometheus_that_begins_makes_nothing_happen_again(rule: dict[str, Any], tmp_path: Path) -> None:
    """What it sees for the first time was counted long ago, but for a process that began just now."""
    (name,) = set(re.findall(r"flet_cluster_(\w+)", rule["expr"]))
    counted = series(f'{name} reason="seal"', f"7x{ALL}")
    young = series("process_start_time_seconds", f"0x{ALL}")
    times = ("0s", "5m", "590s", "11m", "30m")
    promtool(
        tmp_path,
        {
            "interval": "10s",
            "input_series": [counted, OLD],
            "promql_expr_test": [firing(rule["alert"], at, 0) for at in times],
        },
        {
            "interval": "10s",
            "input_series": [counted, young],
            "promql_expr_test": [firing(rule["alert"], "5m", 1), firing(rule["alert"], "11m", 0)],
        },
    )


def test_a_redis_that_is_away_for_a_moment_wakes_nobody(tmp_path: Path) -> None:
    retries = series("commit_retries_total", f"0x30 3 5x{ALL}")
    times = [firing("FletClusterCommitsRepeated", f"{at}s", 0) for at in range(300, 700, 20)]
    promtool(tmp_path, {"interval": "10s", "input_series": [retries], "promql_expr_test": times})


def test_a_process_that_begins_sets_nothing_off(tmp_path: Path) -> None:
    started = sorted(metrics.COUNTERS.keys() - metrics.LABELS.keys())
    given = [*(series(f"{name}_total", f"_x60 0x{ALL}") for name in started), series("sessions", f"0x{ALL}")]
    quiet = {"expr": 'count(ALERTS{alertstate=~"firing|pending"})', "exp_samples": []}
    times = [{**quiet, "eval_time": at} for at in ("9m", "11m", "30m")]
    promtool(tmp_path, {"interval": "10s", "input_series": given, "promql_expr_test": times})
