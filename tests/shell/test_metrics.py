"""Metrics: shown to nobody unless asked for, and each of them known, described and used."""

from __future__ import annotations

import ast
import asyncio
import os
import re
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest
from tests.fleet import fleet
from tests.servers import running
from tests.shell.running import ROOT
from tests.steps import Click, Find
from tests.tab import open_tab
from tests.test_layers import PACKAGE

from flet_cluster.application import create_app
from flet_cluster.errors import SealBroken
from flet_cluster.host.program import program_of
from flet_cluster.metrics import COUNTERS, GAUGES, HISTOGRAMS, PrometheusObserver
from flet_cluster.model import Commit
from flet_cluster.node.vault import Vault
from flet_cluster.protocol.close import CloseCode
from flet_cluster.settings import Settings
from flet_cluster.snapshot import KeyRing
from flet_cluster.transport.outgoing import Outgoing

if TYPE_CHECKING:
    from flet import Page
    from starlette.websockets import WebSocket

KNOWN = {*COUNTERS, *HISTOGRAMS, *GAUGES}
DOCUMENT = ROOT / "docs" / "invariants.md"


def main(page: Page) -> None:
    """Never runs here."""


def used() -> dict[str, set[str]]:
    """Find the names that the source counts and measures: method → names."""
    found: dict[str, set[str]] = {
        "count": set(),
        "observe": set(),
        "timed": set(),
        "gauge": set(),
        "levels": set(),
    }
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                name = node.args[0]
                if node.func.attr in found and isinstance(name, ast.Constant) and isinstance(name.value, str):
                    found[node.func.attr].add(name.value)
    found["count"].discard(":")
    found["count"].discard(".")
    return found


def test_every_metric_is_described_and_every_description_is_of_a_metric() -> None:
    names = used()
    assert names["count"] == set(COUNTERS)
    assert names["gauge"] | names["levels"] == set(GAUGES)
    assert names["observe"] | names["timed"] == set(HISTOGRAMS)


def test_every_invariant_has_tests_and_metrics_that_are_there() -> None:
    rows = re.findall(r"^\| (I\d) \| .+ \| (.+) \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert [name for name, _, _ in rows] == [f"I{n}" for n in range(1, 10)]
    reasons = {code.reason for code in CloseCode}
    mentioned = set()
    for _, tests, metrics in rows:
        files = re.findall(r"`([^`]+)`", tests)
        assert files
        for file in files:
            assert (ROOT / file).is_file(), file
        for metric in re.findall(r"`([^`]+)`", metrics):
            name, _, label = metric.partition("{")
            assert name in KNOWN, name
            assert not label or label.split('"')[1] in reasons
            mentioned.add(name)
    assert KNOWN - mentioned == {"refused", "build_info"}  # none of the invariants


async def shown(settings: Settings) -> httpx.Response:
    observer = PrometheusObserver(settings.app_name)
    app = create_app(program_of(main), settings.with_secret_key(), observer=observer)
    observer.count("fenced")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
        return await client.get("/metrics")


async def test_off_unless_asked_for() -> None:
    answer = await shown(Settings(app_name="a"))
    assert "flet_cluster_fenced" not in answer.text


async def test_each_series_says_which_process_it_is_of() -> None:
    answer = await shown(Settings(app_name="a", metrics=True))
    assert answer.headers["content-type"].startswith("text/plain")
    assert f'flet_cluster_fenced_total{{app="a",process="{os.getpid()}"}} 1.0' in answer.text


def value(observer: PrometheusObserver, name: str, **labels: str) -> float | None:
    labels |= {"process": str(os.getpid()), "app": ""}
    return observer.registry.get_sample_value(f"flet_cluster_{name}_total", labels)


def test_seals_that_do_not_verify_are_counted() -> None:
    observer = PrometheusObserver()
    vault = Vault(KeyRing(["one secret key"]), "app", observer)
    assert vault.open_message("channel", b"nonsense") is None
    with pytest.raises(SealBroken):
        vault.graph("s", Commit(1, image=b"nonsense"))
    assert value(observer, "seal_failures", what="message") == 1
    assert value(observer, "seal_failures", what="image") == 1


class Unread:
    """A websocket whose peer does not read."""

    async def send_bytes(self, _data: bytes) -> None:
        await asyncio.Event().wait()


async def test_why_a_socket_ends_is_told_once() -> None:
    told: list[int] = []
    out = Outgoing(cast("WebSocket", Unread()), 10, told.append)
    for _ in range(3):
        out.put(b"x" * 8)
    out.close(1000, "")
    assert told == [CloseCode.SLOW_READER]


async def test_a_failover_leaves_its_traces() -> None:
    with (
        running("valkey") as url,
        fleet(str(ROOT / "tests/bench/app.py"), url, 2, FLET_CLUSTER_METRICS="true") as nodes,
    ):
        async with open_tab(lambda: nodes.urls) as tab:
            click = Click(Find(key="add"))
            await tab.do(click)
            nodes.node(tab.node).kill()
            await tab.do(click)
            port = nodes.node(tab.node).port
            async with httpx.AsyncClient() as client:
                text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    samples: dict[str, Any] = dict(re.findall(r"^flet_cluster_(\w+)\{[^}]*\} ([\d.]+)$", text, re.MULTILINE))
    for name in ("acquired_total", "seized_total", "resumed_total"):
        assert samples[name] == "1.0", text
    for name in ("acquire_seconds_count", "restore_seconds_count", "commit_seconds_count"):
        assert float(samples[name]) >= 1, text
