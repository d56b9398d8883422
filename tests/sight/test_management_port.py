"""The management port: what it answers while things go wrong, and who has it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr
from tests.asgi.servers import cluster, serving
from tests.environment import without_settings
from tests.fleet import SECRET, fleet
from tests.node.small_app import main
from tests.servers import running
from tests.shell.running import eventually, free_port, served
from tests.sight.watching import APP, Watch
from tests.steps import Click
from tests.tab import open_tab

from flet_cluster import management
from flet_cluster.composition import build_node
from flet_cluster.control import SupervisorEnd, WorkerEnd
from flet_cluster.embedded import EmbeddedServer
from flet_cluster.events import FaultPoints, NullObserver
from flet_cluster.host.program import program_of
from flet_cluster.management import Shared, opened
from flet_cluster.node.heartbeat import Heartbeat
from flet_cluster.process import Worker
from flet_cluster.settings import Settings
from flet_cluster.sight import ProcessSight
from flet_cluster.stores.memory import MemoryStore
from flet_cluster.worker import _watch
from flet_cluster.workers_sight import WorkersSight

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fleet import Fleet
    from tests.tab import Tab

    from flet_cluster.events import Observer
    from flet_cluster.model import NodeInfo

ANY_PORT = {"FLET_CLUSTER_MANAGEMENT_PORT": "0"}
QUICK = {"FLET_CLUSTER_HEARTBEAT_INTERVAL": "0.2", "FLET_CLUSTER_HEARTBEAT_TIMEOUT": "1"}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A server of this module's own, to be stopped."""
    with EmbeddedServer() as server:
        yield server


@pytest.fixture(scope="module")
def nodes(server: EmbeddedServer) -> Iterator[Fleet]:
    """Two nodes, impatient with a loop that is stuck."""
    with fleet(APP, server.url, 0, TEST_BLOCK_SECONDS="2.5", **ANY_PORT, **QUICK) as nodes:
        nodes.launcher = ("-m", "tests.sight.impatient", "run")
        nodes.add()
        nodes.add()
        yield nodes


def watch(nodes: Fleet, number: int = 0) -> Watch:
    return Watch(nodes.nodes[number].log.read_text())


def tab_on(nodes: Fleet, number: int = 0) -> contextlib.AbstractAsyncContextManager[Tab]:
    return open_tab(lambda: [nodes.nodes[number].url])


async def happens(check: Any, what: str) -> None:
    await asyncio.to_thread(eventually, check, what)


def send(tab: Tab, step: Click) -> None:
    for packet in tab.client.step(step):
        tab.send(packet)


async def test_it_answers_while_a_handler_blocks_the_loop(nodes: Fleet) -> None:
    """For a while that is no reason to start the process anew; for long it is."""
    look, app = watch(nodes), f"http://127.0.0.1:{nodes.nodes[0].port}/healthz"
    async with tab_on(nodes) as tab:
        send(tab, Click("block"))

        def stuck() -> bool:
            """Whether the app's own port does not answer."""
            with contextlib.suppress(httpx.TimeoutException):
                httpx.get(app, timeout=0.2)
                return False
            return True

        await happens(stuck, "the loop is blocked")
        assert (await asyncio.to_thread(look.status, "/healthz")) == (200, "ok")
        assert (await asyncio.to_thread(look.status, "/readyz")) == (200, "ready")
        assert (await asyncio.to_thread(look.value, "flet_cluster_sessions", state="connected")) == 1
        await happens(lambda: look.status("/healthz")[0] == 503, "it has been stuck for long")
        assert "stuck" in look.status("/healthz")[1]
        await tab.settle()
        await happens(lambda: look.status("/healthz") == (200, "ok"), "it goes on")
        assert look.value("flet_cluster_loop_blocked_total") >= 1
        assert look.value("flet_cluster_loop_lag_seconds_count") > look.value(
            "flet_cluster_loop_blocked_total"
        )


async def test_a_session_and_its_events_are_in_the_metrics(nodes: Fleet) -> None:
    look = watch(nodes)
    async with tab_on(nodes) as tab:
        before = look.value("flet_cluster_event_seconds_count")
        for _ in range(3):
            await tab.do(Click("plus"))
        assert look.value("flet_cluster_event_seconds_count") == before + 3
        assert look.value("flet_cluster_sessions", state="connected", objects="awake") == 1
        assert look.value("flet_cluster_sockets") == 1
        assert look.value("flet_cluster_node_info", node=tab.node) == 1
        send(tab, Click("hold"))
        await happens(lambda: look.value("flet_cluster_lane_threads_busy") == 1, "the handler runs")
        tab.retry_seconds = 1.5
        await tab.cut()
        await happens(
            lambda: look.value("flet_cluster_sessions", state="disconnected") == 1, "nobody is there"
        )
        await tab.until(lambda: tab.resumes == 1 and "held" in tab.client.texts())
        assert look.value("flet_cluster_resumed_total") == 1
        assert look.value("flet_cluster_link_resends_total", direction="to_browser") >= 1
    await happens(
        lambda: look.value("flet_cluster_sessions") == 0, "its user has left, and so has the session"
    )


async def test_a_session_that_comes_from_another_node_says_how(nodes: Fleet) -> None:
    look = watch(nodes, 1)
    place = [0]
    async with open_tab(lambda: [nodes.nodes[place[0]].url]) as tab:
        await tab.do(Click("plus"))
        place[0] = 1
        await tab.cut()
        await tab.until(lambda: tab.resumes == 1)
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
    assert look.value("flet_cluster_hand_overs_total", outcome="released") == 1
    assert look.value("flet_cluster_restores_total", outcome="done") == 1
    assert look.value("flet_cluster_acquire_seconds_count") == 1


async def test_it_stays_ready_while_redis_is_down(nodes: Fleet, server: EmbeddedServer) -> None:
    look = watch(nodes)
    async with tab_on(nodes) as tab:
        await tab.do(Click("plus"))
        server.kill()
        send(tab, Click("plus"))
        await happens(
            lambda: look.value("flet_cluster_heartbeat_age_seconds") > 1.5, "no sign of life arrives"
        )
        assert look.status("/readyz") == (200, "ready")
        assert look.status("/healthz") == (200, "ok")
        assert look.value("flet_cluster_redis_errors_total", operation="commit", kind="unreachable") >= 1
        assert "Count: 1" in tab.client.texts()
        await tab.cut()
        await tab.until(lambda: tab.resumes == 1)
        await happens(
            lambda: look.value("flet_cluster_link_resends_total", direction="from_browser") == 1,
            "it comes again",
        )
        server.start()
        await tab.until(lambda: "Count: 2" in tab.client.texts(), 40)
        await happens(lambda: look.value("flet_cluster_heartbeat_age_seconds") < 1, "it has arrived")
        assert look.status("/readyz") == (200, "ready")


async def test_a_node_that_leaves_is_not_ready_and_goes_on_answering(nodes: Fleet) -> None:
    node = nodes.add()
    look = Watch(node.log.read_text())
    assert look.status("/readyz") == (200, "ready")
    async with open_tab(lambda: [node.url, nodes.nodes[0].url]) as tab:
        await tab.do(Click("plus"))
        send(tab, Click("hold"))
        await happens(lambda: look.value("flet_cluster_lane_threads_busy") == 1, "the handler runs")
        node.process.send_signal(signal.SIGTERM)
        await happens(lambda: look.status("/readyz") == (503, "draining"), "it drains")
        assert look.status("/healthz") == (200, "ok")
        assert look.value("flet_cluster_draining") == 1
    assert node.process.wait(20) == 0


def pids(look: Watch) -> set[str]:
    return look.processes() - {"supervisor"}


async def test_one_port_shows_all_workers_of_a_machine(tmp_path: Path) -> None:
    """Also when one dies; a single port, and each series once."""
    with fleet(APP, "", 0, FLET_CLUSTER_WORKERS="2", FLET_CLUSTER_HEARTBEAT_INTERVAL="0.2") as machine:
        node = machine.add(**ANY_PORT)
        await happens(lambda: node.log.read_text().count(" serves (pid ") == 2, "two workers serve")
        look = Watch(node.log.read_text())
        assert node.log.read_text().count("management: ") == 1
        first = pids(look)
        assert len(first) == 2
        async with open_tab(lambda: [node.url]) as tab:
            await tab.do(Click("plus"))
            assert look.value("flet_cluster_sessions", state="connected") == 1
            assert look.value("flet_cluster_workers") == look.value("flet_cluster_workers_wanted") == 2
            victim = int(min(first))
            os.kill(victim, signal.SIGKILL)
            await happens(lambda: len(pids(look) - first) == 1 and len(pids(look)) == 2, "another came")
            assert str(victim) not in pids(look)
            assert look.value("flet_cluster_worker_ends_total", how="killed") == 1
            assert look.status("/healthz") == (200, "ok")
            assert look.status("/readyz") == (200, "ready")
            await tab.do(Click("plus"))
        await asyncio.to_thread(see_one_frozen, look)


def see_one_frozen(look: Watch) -> None:
    """A worker that says nothing for a while holds up nobody."""
    frozen, other = sorted(pids(look))
    os.kill(int(frozen), signal.SIGSTOP)
    try:
        assert look.status("/healthz") == (200, "ok")
        assert look.status("/readyz") == (200, "ready")
        assert pids(look) == {other}
    finally:
        os.kill(int(frozen), signal.SIGCONT)
    eventually(lambda: pids(look) == {frozen, other}, "it answers again")


async def test_new_workers_after_a_change_of_the_code(tmp_path: Path) -> None:
    with served(tmp_path, workers=1, reload=True, management_port=0) as machine:
        await happens(machine.workers, "it serves")
        look = Watch(machine.output())
        before = pids(look)
        script = tmp_path / "app.py"
        script.write_text(script.read_text() + "\n# changed\n")
        await happens(lambda: pids(look) and not pids(look) & before, "the new code serves alone")
        assert look.status("/readyz") == (200, "ready")
        assert look.value("flet_cluster_worker_ends_total") == 0, "the old one was asked to leave"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is meant to end so
async def test_a_heartbeat_that_has_ended_is_no_life() -> None:
    """Other nodes would take the sessions of a process that goes on serving."""
    settings = Settings(app_name="sight", secret_key=SecretStr(SECRET))
    node = build_node(program_of(main), settings, NullObserver(), FaultPoints())
    told = threading.Event()

    def describe() -> NodeInfo:
        if told.is_set():
            sys.exit("the thread ends here")
        return node.describe()

    node._heartbeat = Heartbeat(MemoryStore, describe, 0.02, 1, lambda: 0, node.host.life)
    await node.start()
    try:
        assert not node.not_alive()
        told.set()
        await happens(node.not_alive, "it is noticed")
        assert "heartbeat" in node.not_alive()
    finally:
        await node.stop()


class Silent:
    """A worker that says nothing."""

    slot, asked_at = 1, 0.0
    process = SimpleNamespace(pid=7)

    def serves(self) -> bool:
        return True

    async def ask(self, _what: str, _seconds: float) -> None:
        return None


@pytest.mark.parametrize(("since", "told"), [(5, ""), (40, "worker 1 (pid 7) has not answered for 40 s")])
async def test_a_worker_that_is_silent_for_long_is_stuck(since: float, told: str) -> None:
    worker: Any = Silent()
    worker.asked_at = time.monotonic() - since
    loop = asyncio.get_running_loop()
    sight = WorkersSight(loop, lambda: [worker], lambda: [worker], lambda: False, lambda: (1, 1, {}), "app")
    assert await sight.alive() == told
    assert not await sight.ready()


class Moody(ProcessSight):
    """Cannot say what was counted when it is asked for the first time."""

    def __init__(self) -> None:
        super().__init__(list)
        self.asked = 0

    def metrics(self) -> str:
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("not now")
        return "fine"


async def test_a_worker_that_fails_to_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its figures would be missing for as long as it lives, and it would be taken for stuck."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)  # what a worker does without its supervisor
    channel = SupervisorEnd()
    end = WorkerEnd(channel.workers.detach())
    answering = threading.Thread(target=_watch, args=(end, Moody()), daemon=True)
    answering.start()
    process: Any = SimpleNamespace(pid=7, returncode=None)
    worker = Worker(1, process, channel, time.monotonic(), ready=True)

    async def attend() -> None:
        while (message := await channel.receive()) is not None:
            worker.answered(message)

    attending = asyncio.create_task(attend())
    try:
        assert await worker.ask("metrics", 20) is None
        assert await worker.ask("metrics", 20) == {"answer": "metrics", "text": "fine"}
    finally:
        attending.cancel()
        await asyncio.wait([attending])
        channel.close()
        answering.join(20)
        end._socket.close()
    assert ended == [1]


async def test_clients_that_ask_nothing_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that was refused would have a node that is well started anew."""
    monkeypatch.setattr(management, "SILENT_SECONDS", 0.2)
    there = opened(Settings(management_port=0, management_host="::1"), ProcessSight(list))
    assert there is not None
    host, port = there._sock.getsockname()[:2]
    silent = [await asyncio.open_connection(host, port) for _ in range(100)]
    try:
        silent[0][1].write(b"GET /healthz HTTP/1.1\r\n")  # and then no more
        async with httpx.AsyncClient(base_url=f"http://[{host}]:{port}") as client:
            assert (await client.get("/healthz")).status_code == 200
            async with asyncio.timeout(20):
                for reader, _ in silent:
                    assert await reader.read() == b""
            assert (await client.get("/metrics")).status_code == 200
    finally:
        for _, writer in silent:
            writer.close()
        there.stop()


# -- who has the port ---------------------------------------------------------------------------------


@contextlib.contextmanager
def taken(port: int = 0) -> Iterator[int]:
    """Have a port; if that is a certain one, somebody else may have it: it is taken then, too."""
    with socket.socket() as holder:
        with contextlib.suppress(OSError):
            holder.bind(("127.0.0.1", port))
            holder.listen()
        yield port or holder.getsockname()[1]


def test_a_default_port_that_is_taken_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLET_CLUSTER_MANAGEMENT_PORT")
    with taken(9700), served(tmp_path) as app:
        eventually(app.answers, "it serves all the same")
        assert "WARNING" in app.output()
        assert "FLET_CLUSTER_MANAGEMENT_PORT" in app.output()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_was_asked_for_and_is_taken_is_an_error(tmp_path: Path, workers: str) -> None:
    with taken() as port:
        env = without_settings() | {
            "FLET_CLUSTER_MANAGEMENT_PORT": str(port),
            "FLET_CLUSTER_PORT": str(free_port()),
        }
        command = [sys.executable, "-m", "flet_cluster.cli", "run", APP, "--workers", workers]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"The management port 127.0.0.1:{port} cannot be had: Address already in use" in done.stderr
    assert "FLET_CLUSTER_MANAGEMENT_PORT (0 takes any free one, off none)" in done.stderr
    assert "Traceback" not in done.stderr


class Unseen:
    """An app that nobody looks at."""

    observer: Observer = NullObserver()

    def not_alive(self) -> str:
        return ""

    def not_ready(self) -> str:
        return ""


@pytest.mark.parametrize("given", [{}, {"management_port": "off"}])
def test_a_server_of_the_users_own_opens_none_unless_told_to(
    given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    shared = Shared()
    shared.join(Unseen(), Settings(**given))
    assert "management" not in caplog.text
    assert not any(thread.name == "management" for thread in threading.enumerate())


async def test_several_apps_in_a_server_of_the_users_own_share_it(valkey: str) -> None:
    port = free_port()
    env = {**cluster(valkey, ""), "FLET_CLUSTER_MANAGEMENT_PORT": str(port)}
    env["FLET_CLUSTER_APP"] = "several.py:app"
    with serving("uvicorn", "flet_cluster.asgi:app", env, ready="/readyz") as server:
        assert server.text().count("management: ") == 1
        look = Watch(server.text())
        assert look.status("/readyz") == (200, "ready")
        async with open_tab(lambda: [server.socket()]) as tab:
            await tab.do(Click("plus"))
            assert look.value("flet_cluster_sessions", state="connected") == 1
        assert len({dict(labels).get("app") for _, labels in look.series()} - {None}) > 1


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url
