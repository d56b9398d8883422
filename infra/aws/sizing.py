"""Sizes and costs of a cluster on Amazon, from what was measured, what is assumed, and prices.

    python infra/aws/sizing.py            print the tables of README.md
    python infra/aws/sizing.py --write    put them into it
    python infra/aws/sizing.py --check    only tell whether they are there as they would be written

measured.json is what ``python -m tests.bench.cloud`` printed; assumptions.json and prices.json are yours to
change. The defaults of SessionsPerTask, CpuTarget and SessionsAlarm in service.yaml are those computed here.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SIZES = (1_000, 10_000, 100_000)
MIB, GIB, GB = 1 << 20, 1 << 30, 1e9
REDIS_USABLE = 0.75  # ElastiCache reserves a quarter for fail-over and snapshots
SCALE_OUT_MINUTES, SCALE_IN_MINUTES, SCALE_IN_BELOW = 3, 15, 0.9  # the alarms that target tracking makes
OUT_COOLDOWN, IN_COOLDOWN = 1, 5  # as in service.yaml, minutes
MIN_TASKS = 2
ALARMS = 8 + 9 + 4  # metrics in them: of both nodes of Redis, of the service, of both policies (above, below)


def read(name: str) -> dict[str, Any]:
    """Return one of the files beside this one."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


@dataclass(frozen=True)
class Inputs:
    """What everything is computed from: measured values, assumed values, prices."""

    measured: dict[str, Any]
    assumed: dict[str, float]
    prices: dict[str, Any]

    @classmethod
    def load(cls) -> Inputs:
        """Read the three files."""
        assumed = {name: each["value"] for name, each in read("assumptions").items()}
        return cls(read("measured"), assumed, read("prices"))


@dataclass(frozen=True)
class Task:
    """What one task can carry.

    Attributes:
        session_microseconds: processor time of a connected session a second, on Fargate.
        by_cpu: sessions at which its processor is as busy as the target says.
        by_memory: sessions of which twice as many still fit into its memory.
        target: the smaller one, in hundreds: ``SessionsPerTask``.
        cpu_target: ``CpuTarget``, percent.
        alarm: ``SessionsAlarm``.
    """

    session_microseconds: float
    by_cpu: int
    by_memory: int
    target: int
    cpu_target: int
    alarm: int


def task(inputs: Inputs) -> Task:
    """Work out what one task can carry."""
    a, event, session = inputs.assumed, inputs.measured["event"], inputs.measured["session"]
    click = event["node_cpu_microseconds"] + a["app_cpu_microseconds"]
    used = (a["clicks_a_minute"] / 60 * click + quiet(inputs)) / a["vcpu_speed"]
    by_cpu = a["task_vcpu"] * 1e6 * a["cpu_target"] / 100 / used
    each = session["node_bytes_awake"] + a["app_bytes_a_session"]
    by_memory = (a["memory_full"] * a["task_gib"] * GIB - session["node_base_bytes"]) / each / 2
    target = int(min(by_cpu, by_memory) // 100 * 100)
    alarm = int(target * a["cpu_alarm"] / a["cpu_target"] // 100 * 100)
    return Task(used, int(by_cpu), int(by_memory), target, int(a["cpu_target"]), alarm)


def day(inputs: Inputs, users: int) -> list[int]:
    """Return connected users minute by minute: the measured day, with so many at its busiest."""
    quarters = [sum(row) for row in inputs.measured["day"]["connected"]]
    most = max(quarters)
    after = [*quarters[1:], quarters[0]]
    steps = (
        (a + (b - a) * minute / 15) for a, b in zip(quarters, after, strict=True) for minute in range(15)
    )
    return [round(users * value / most) for value in steps]


def unevenness(inputs: Inputs) -> float:
    """Return how much more than the average the fullest node had, in the worse half of the measured day."""
    rows = [row for row in inputs.measured["day"]["connected"] if sum(row) >= 20 * len(row)]
    ratios = sorted(max(row) * len(row) / sum(row) for row in rows)
    return float(ratios[len(ratios) * 3 // 4])


def track(sessions: list[int], target: float, start_minutes: int, most: int = 10_000) -> list[int]:
    """Return the tasks that run in each minute, as target tracking decides.

    Its alarms ask for more tasks after three minutes above the target, and for fewer after fifteen below nine
    tenths of it: as many as bring the average back to the target. New tasks run ``start_minutes`` later.
    """
    running = max(MIN_TASKS, math.ceil(sessions[0] / target))  # it has been going for days
    above = below = quiet_until = 0
    coming: list[tuple[int, int]] = []
    tasks = []
    for minute, total in enumerate(sessions):
        running += sum(count for at, count in coming if at == minute)
        coming = [each for each in coming if each[0] > minute]
        average = total / running
        above = above + 1 if average > target else 0
        below = below + 1 if average < SCALE_IN_BELOW * target else 0
        wanted = min(most, max(MIN_TASKS, math.ceil(total / target)))
        asked = running + sum(count for _, count in coming)
        if above >= SCALE_OUT_MINUTES and minute >= quiet_until and wanted > asked:
            coming.append((minute + start_minutes, wanted - asked))
            quiet_until = minute + OUT_COOLDOWN
        elif below >= SCALE_IN_MINUTES and minute >= quiet_until and wanted < running and not coming:
            running = wanted
            quiet_until = minute + IN_COOLDOWN
        tasks.append(running)
    return tasks


def flaps(tasks: list[int], within: int = 30) -> int:
    """Return how often tasks were removed within so many minutes after some were added, or the other way."""
    changes = [(minute, b - a) for minute, (a, b) in enumerate(itertools.pairwise(tasks)) if a != b]
    return sum(
        later[0] - first[0] <= within and (later[1] > 0) != (first[1] > 0)
        for first, later in itertools.pairwise(changes)
    )


def lines(inputs: Inputs, users: int) -> dict[str, float | str]:
    """Return what a cluster for so many users needs, and each part of its monthly cost."""
    a, p, each = inputs.assumed, inputs.prices, task(inputs)
    sessions = day(inputs, users)
    tasks = track(sessions, each.target, int(a["task_start_minutes"]))
    mean_tasks, mean_users = sum(tasks) / len(tasks), sum(sessions) / len(sessions)
    hours = p["hours_a_month"]
    seconds = hours * 3600
    events = mean_users * a["clicks_a_minute"] / 60 * seconds
    visits = mean_users * seconds / (a["visit_minutes"] * 60)
    out = events * (inputs.measured["event"]["bytes_to_browser"] + a["bytes_around_an_event"])
    out += visits * a["empty_cache_share"] * a["first_visit_bytes"]
    logs = visits * a["log_bytes_a_visit"] / GB
    node, shards = redis_node(inputs, users), redis_shards(inputs, users)
    lcu = max(mean_users / 3000, out / GB / hours, visits / seconds / 25)
    fargate = a["task_vcpu"] * p["fargate_vcpu_hour"] + a["task_gib"] * p["fargate_gb_hour"]
    costs = {
        "tasks": mean_tasks * hours * fargate,
        "Redis": 2 * shards * node["hour"] * hours,
        "load balancer": hours * (p["balancer_hour"] + lcu * p["balancer_lcu_hour"]),
        "to the internet": out_cost(p, out / GB),
        "between zones": between_zones(inputs, events) / GB * p["zone_gb"],
        "NAT, addresses": hours * (2 * p["nat_hour"] + 4 * p["public_address_hour"]) + logs * p["nat_gb"],
        "logs, metrics, alarms, secrets": watching(inputs, logs, mean_tasks),
    }
    return {
        "tasks by day": f"{min(tasks)} to {max(tasks)}",
        "Redis nodes": f"{2 * shards} × {node['type']}",
        "events a second": round(users * a["clicks_a_minute"] / 60),
        "GB to the internet": round(out / GB),
        **{name: round(value) for name, value in costs.items()},
        "sum": round(sum(costs.values())),
    }


def watching(inputs: Inputs, logs: float, tasks: float) -> float:
    """Return what it costs a month to watch the cluster: ``logs`` in GB."""
    p = inputs.prices
    insights, alarms, calls = 20, ALARMS, tasks * 60 * p["hours_a_month"]
    fixed = (insights + 1) * p["metric_month"] + alarms * p["alarm_month"]
    fixed += 3 * p["secret_month"] + p["key_month"]
    return float(fixed + logs * p["log_gb"] + calls * p["put_metric_data"])


def between_zones(inputs: Inputs, events: float) -> float:
    """Return the bytes that tasks send to a Redis in another zone and get from it: half of all."""
    event = inputs.measured["event"]
    return float(events * (event["bytes_to_redis"] + event["bytes_from_redis"]) / 2)


def out_cost(prices: dict[str, Any], gigabytes: float) -> float:
    """Return the price of data that leaves, which falls in steps; the first 100 GB a month are free."""
    left, cost = max(0.0, gigabytes - 100), 0.0
    for size, price in prices["out_gb"]:
        part = left if size is None else min(left, size)
        cost, left = cost + part * price, left - part
    return cost


def redis_node(inputs: Inputs, users: int) -> dict[str, Any]:
    """Return the smallest type of node that holds the sessions of so many users, and those left behind."""
    a, measured = inputs.assumed, inputs.measured
    kept = users * (1 + 60 / a["visit_minutes"])  # a session is kept for an hour after its user has gone
    needed = kept * (measured["session"]["redis_bytes"] + a["app_redis_bytes_a_session"])
    needed /= redis_shards(inputs, users)
    fitting = (
        node
        for node in inputs.prices["redis_nodes"]
        if node["gib"] * GIB * REDIS_USABLE * a["redis_full"] >= needed
    )
    found = next(fitting, None)
    if found is None:
        raise SystemExit(
            f"no Redis node for {users} users: {needed / GIB:.0f} GiB; take a cluster, or more apps"
        )
    return dict(found)


def redis_shards(inputs: Inputs, users: int) -> int:
    """Return how many primaries share the work: data.yaml makes one, and more are a Redis Cluster."""
    return math.ceil(redis_busy(inputs, users) / inputs.assumed["redis_busy"])


def redis_busy(inputs: Inputs, users: int) -> float:
    """Return how busy one Redis were with the thread that runs commands, 1 for all of it."""
    a, event = inputs.assumed, inputs.measured["event"]
    rate = users * a["clicks_a_minute"] / 60
    return float(rate * event["redis_cpu_microseconds"] / 1e6 * a["redis_tls_factor"])


def scripts(inputs: Inputs) -> float:
    """Return how many commands reach Redis for an event: a script's own ones are within it."""
    commands: dict[str, float] = inputs.measured["event"]["redis_commands"]
    return sum(
        n for name, n in commands.items() if name in {"evalsha", "eval", "xadd", "publish", "spublish"}
    )


def quiet(inputs: Inputs) -> float:
    """Return what a connected session that does nothing takes of a node's processor, µs a second."""
    return float(inputs.measured["session"]["idle_node_cpu_microseconds_a_second"])


def tables(inputs: Inputs) -> str:
    """Return everything for README.md."""
    m, event, session, each = (
        inputs.measured,
        inputs.measured["event"],
        inputs.measured["session"],
        task(inputs),
    )
    moved = f"{event['bytes_to_redis']}, {event['bytes_from_redis']}, {event['bytes_to_browser']}"
    held = [session[name] / 1e3 for name in ("node_bytes_awake", "node_bytes_idle", "redis_bytes")]
    rows = {
        "Processor of a node for an event": f"{event['node_cpu_microseconds']} µs",
        "Scripts and commands a node sends to Redis for an event": f"{scripts(inputs):.1f}",
        "Processor of Redis for an event, without TLS": f"{event['redis_cpu_microseconds']:g} µs",
        "Bytes for an event: to Redis, from it, to the browser": moved,
        "Memory of a node without sessions": f"{session['node_base_bytes'] / 1e6:.0f} MB",
        "Memory of a session: after a click, asleep, in Redis": ", ".join(f"{size:.1f}" for size in held)
        + " kB",
        "Processor for a connected session that does nothing": f"{quiet(inputs):g} µs a second",
        "Fullest of three nodes over their average, as users came and went": f"{unevenness(inputs):.2f}",
    }
    result = (
        f"So a session takes {each.session_microseconds:.0f} µs of a vCPU a second. {each.by_cpu} sessions "
        f"keep a task at {each.cpu_target} % of its processor; of {each.by_memory} sessions twice as many "
        f"fit into its memory. `SessionsPerTask` is the smaller, in hundreds: **{each.target}**; "
        f"`CpuTarget` is **{each.cpu_target}**; `SessionsAlarm`, at "
        f"{inputs.assumed['cpu_alarm']:g} % of the processor, **{each.alarm}**."
    )
    prices = (
        f"USD a month in {inputs.prices['region']}, prices of {inputs.prices['as_of']} (`prices.json`: "
        f"{inputs.prices['source']}). Users are those connected at the busiest minute of the measured day:"
    )
    assumed = [f"| `{name}` | {x['value']:g} | {x['why']} |" for name, x in read("assumptions").items()]
    text = [f"Measured on {m['measured']} by `{m['command']}` ({m['machine']}):", "", "| | |", "|---|---|"]
    text += [f"| {name} | {value} |" for name, value in rows.items()]
    text += ["", "Assumed (`assumptions.json`):", "", "| | | |", "|---|---|---|", *assumed, "", result, ""]
    text += [prices, ""]
    columns = {users: lines(inputs, users) for users in SIZES}
    text += [
        "| Users | " + " | ".join(f"{users:,}" for users in SIZES) + " |",
        "|---|" + "---:|" * len(SIZES),
    ]
    for name in columns[SIZES[0]]:
        cells = (columns[users][name] for users in SIZES)
        text.append(f"| {name} | " + " | ".join(c if isinstance(c, str) else f"{c:,}" for c in cells) + " |")
    busy = " | ".join(f"{redis_busy(inputs, users):.0%}" for users in SIZES)
    text.append(f"| one Redis would be busy | {busy} |")
    return "\n".join(text) + "\n"


def main() -> int:
    """Print, write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    text, page = tables(Inputs.load()), FOLDER / "README.md"
    if not (options.write or options.check):
        sys.stdout.write(text)
        return 0
    before = page.read_text()
    after = re.sub(
        r"(<!-- sizing -->\n).*(<!-- end of sizing -->)",
        lambda m: f"{m[1]}\n{text}\n{m[2]}",
        before,
        flags=re.DOTALL,
    )
    if options.write:
        page.write_text(after)
    return int(options.check and before != after)


if __name__ == "__main__":
    sys.exit(main())
