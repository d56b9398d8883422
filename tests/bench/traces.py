"""What traces cost: processor time for each event while they are off, sampled, and all exported.

    python -m tests.bench.traces [--rounds 3] [--seconds 4] [--clients 50]

The server has the first core for itself; Valkey, the clients and the collector share the second.
"""

from __future__ import annotations

import argparse
import os
import statistics
from typing import TYPE_CHECKING

from tests.bench.events import one_round
from tests.servers import running
from tests.tracing.collector import collecting

if TYPE_CHECKING:
    from collections.abc import Mapping

MODES: Mapping[str, Mapping[str, str]] = {
    "off": {},
    "1 %": {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    "all": {"OTEL_TRACES_SAMPLER": "parentbased_always_on"},
}


def main() -> None:
    """Compare in interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=50)
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})  # children inherit it, servers are moved
    costs: dict[str, list[float]] = {name: [] for name in MODES}
    with running("valkey") as redis_url, collecting() as collector:
        for number in range(options.rounds):
            for name, variables in MODES.items():
                traced = {**variables, "FLET_CLUSTER_TRACES": "true"} if variables else {}
                os.environ.update({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **traced})
                before = len(collector.spans)
                rate, times, cpu = one_round("link", redis_url, options.clients, options.seconds)
                for variable in traced:
                    del os.environ[variable]
                costs[name].append(cpu * 1e6)
                spans = (len(collector.spans) - before) / len(times)
                print(f"{number} {name:4} {rate:6.0f} ev/s  {cpu * 1e6:.0f} µs, {spans:.2f} spans per event")
    for name, values in costs.items():
        print(f"{name}: median {statistics.median(values):.0f} µs of processor per event")


if __name__ == "__main__":
    main()
