"""Traces of real nodes, by the real exporter, over real OTLP."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, send
from tests.fleet import Fleet, fleet
from tests.servers import running
from tests.steps import Click
from tests.tab import open_tab
from tests.tracing.collector import Collector, Received, collecting

from flet_cluster.composition import tracer_for
from flet_cluster.errors import SettingsError
from flet_cluster.settings import Settings
from flet_cluster.spans import NullTracer

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = str(Path(__file__).parent / "shop.py")
SERVER, PRODUCER, CONSUMER = 2, 4, 5


def traced(collector: Collector) -> dict[str, str]:
    return {
        "FLET_CLUSTER_TRACES": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_SERVICE_NAME": "shop",
    }


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with running("valkey") as url:
        yield url


@pytest.fixture(scope="module")
def nodes(collector: Collector, redis: str) -> Iterator[Fleet]:
    with fleet(APP, redis, 2, **traced(collector)) as found:
        yield found


@pytest.fixture(autouse=True)
def fresh(collector: Collector) -> None:
    collector.spans.clear()
    collector.raw.clear()


def chain(collector: Collector, event: Received) -> tuple[Received, Received, Received]:
    """Return what follows an event, all in its trace."""
    what = event.name.removeprefix("event ")
    handler = collector.child(event, f"handler {what}")
    commit = collector.child(handler, "commit")
    return handler, commit, collector.child(commit, "frame")


async def test_an_event_its_handler_its_commit_and_its_frame_are_one_trace(
    collector: Collector, nodes: Fleet
) -> None:
    async with open_tab(lambda: nodes.urls) as tab:
        await tab.do(Click("add"))
        await tab.do(Click("book"))
        session, _, _ = tab.link.token.partition(".") if tab.link.token else ("", "", "")
        events = collector.wait("event Button.on_click", 2)
        for event in events:
            handler, commit, frame = chain(collector, event)
            assert event.parent == ""
            assert event.kind == SERVER
            assert event.began <= handler.began <= handler.ended <= commit.ended <= frame.ended <= event.ended
            assert not event.failed
            assert {event.node, handler.node, commit.node, frame.node} == {tab.node}
            assert event.service == "shop"
            assert event.facts["flet_cluster.session"] in session
        sync, coroutine = (collector.child(event, "handler Button.on_click") for event in events)
        collector.child(sync, "price lookup")  # the app's own spans, in a thread
        booking = collector.child(coroutine, "booking")
        collector.child(booking, "payment")  # in a task of the handler
        assert tab.link.token
        assert not any(tab.link.token.encode() in body for body in collector.raw)


async def test_what_a_handler_raises_is_named_and_not_told(collector: Collector, nodes: Fleet) -> None:
    async with open_tab(lambda: nodes.urls) as tab:
        await tab.do(Click("fail"))
        (event,) = collector.wait("event Button.on_click")
        handler, _, _ = chain(collector, event)
        assert (handler.failed, handler.status) == (True, "ValueError")
        assert not any(b"4111" in body for body in collector.raw)


async def test_a_message_is_linked_to_who_published_it(collector: Collector, nodes: Fleet) -> None:
    here, there = ([node.url] for node in nodes.nodes)
    async with open_tab(lambda: here) as one, open_tab(lambda: there) as other:
        await one.do(Click("say"))
        await other.until(lambda: "a secret word" in other.client.texts())
        (event,) = collector.wait("event Button.on_click")
        publish = collector.child(collector.child(event, "handler Button.on_click"), "publish")
        assert publish.kind == PRODUCER
        heard = [
            found
            for found in collector.wait("event pubsub handler main.<locals>.hear", 2)
            if found.links_to(publish) and found.kind == CONSUMER
        ]
        assert {found.node for found in heard} == {one.node, other.node}
        for found in heard:
            chain(collector, found)
        assert not any(b"secret word" in body for body in collector.raw)


async def test_a_session_that_another_node_asks_for_takes_its_trace_along(
    collector: Collector, nodes: Fleet
) -> None:
    urls = [nodes.nodes[0].url]
    async with open_tab(lambda: urls) as tab:
        await tab.do(Click("add"))
        (first,) = collector.wait("event Button.on_click")
        _, before, _ = chain(collector, first)
        urls[:] = [nodes.nodes[1].url]
        await tab.cut()
        await tab.do(Click("add"))
        (acquire,) = collector.wait("acquire")
        hand_over = collector.child(acquire, "hand over")
        assert (acquire.node, hand_over.node) == (tab.nodes[-1], tab.nodes[0])
        assert hand_over.facts["flet_cluster.answer"] == "released"
        assert acquire.links_to(before)
        assert collector.child(hand_over, "release").links_to(before)
        assert collector.child(acquire, "restore").links_to(before)


async def test_both_ends_of_a_relay_are_one_trace(collector: Collector, nodes: Fleet) -> None:
    urls = [nodes.nodes[0].url]
    async with open_tab(lambda: urls) as tab:
        send(tab, Click("work"))
        await tab.until(lambda: "working" in tab.client.texts())
        urls[:] = [nodes.nodes[1].url]
        await tab.cut()
        await tab.do(Click("enough"))
        await tab.until(lambda: "worked" in tab.client.texts())
        (front,) = collector.wait("relay front")
        holder = collector.child(front, "relay holder")
        assert {front.node, holder.node} == {node.node_id for node in nodes.nodes}
        assert "flet_cluster.reason" in front.facts


async def test_after_a_kill_the_first_event_is_linked_to_the_last_commit(
    collector: Collector, nodes: Fleet
) -> None:
    async with open_tab(lambda: nodes.urls) as tab:
        await tab.do(Click("add"))
        (first,) = collector.wait("event Button.on_click")
        _, last, _ = chain(collector, first)
        nodes.node(tab.node).kill()
        await tab.do(Click("add"))
        second = collector.wait("event Button.on_click", 2)[1]
        assert tab.nodes[0] != tab.nodes[-1]
        assert (first.node, second.node) == (tab.nodes[0], tab.nodes[-1])
        assert second.trace != first.trace
        assert second.links_to(last)
        (acquire,) = collector.wait("acquire")
        restore = collector.child(acquire, "restore")
        assert acquire.facts["flet_cluster.by_force"] is True
        assert acquire.links_to(last)
        assert restore.links_to(last)
        assert second.links_to(acquire)
        chain(collector, second)


async def test_a_provider_of_the_apps_own_is_used(collector: Collector, redis: str) -> None:
    with fleet(APP, redis, 1, **traced(collector), OWN_PROVIDER="1") as nodes:
        async with open_tab(lambda: nodes.urls) as tab:
            await tab.do(Click("add"))
            (event,) = collector.wait("event Button.on_click")
            followers = chain(collector, event)
    assert {span.service for span in (event, *followers)} == {"the app's own"}


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(tracer_for(Settings()), NullTracer)
    monkeypatch.delitem(sys.modules, "flet_cluster.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(SettingsError, match=r'pip install "flet-cluster\[otel\]"'):
        tracer_for(Settings(traces=True))


def test_an_exporter_that_is_not_there_is_named() -> None:
    script = "from flet_cluster.tracing import open_telemetry; open_telemetry('app')"
    env = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert "pip install opentelemetry-exporter-otlp-proto-grpc" in done.stderr


def test_nothing_is_loaded_while_traces_are_off() -> None:
    script = (
        "import sys; import flet_cluster.application\n"
        "assert 'flet_cluster.composition' in sys.modules\n"
        "assert not {'flet_cluster.tracing', 'opentelemetry.sdk.trace.export'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


async def test_a_node_that_leaves_exports_what_it_has(collector: Collector, redis: str) -> None:
    options = {**traced(collector), "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    with fleet(APP, redis, 1, **options) as nodes:
        async with open_tab(Place(nodes.nodes[0])) as tab:
            await tab.do(Click("add"))
            assert not collector.named("event Button.on_click", node=tab.node)
            assert await asyncio.to_thread(nodes.nodes[0].terminate) == 0
    chain(collector, collector.wait("event Button.on_click", node=tab.node)[0])
    collector.wait("release", node=tab.node)
