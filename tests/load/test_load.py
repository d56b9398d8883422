"""The load tests find out what an app can do, and fail when something is lost or comes twice."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from loadtest._page import Crashed, Page
from loadtest._place import socket_url
from loadtest._wire import Action, encode
from tests.fleet import Fleet
from tests.load.driving import SECONDS, Run, Running, module, rows_of, run, start
from tests.oauth.provider import provider
from tests.servers import running
from tests.shell.running import ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = str(ROOT / "loadtest" / "_app.py")
FAULTS = ("lost event", "doubled event", "lost session")
OTHERS = "send|upload|message"
"""What users leave alone who only count."""


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two nodes, the first of which a real provider sends users back to."""
    port = free_port()
    with (
        provider(free_port(), f"http://127.0.0.1:{port}/oauth_callback") as issuer,
        running("valkey") as redis_url,
    ):
        env = {"ISSUER": issuer, "CLIENT_ID": "app", "CLIENT_SECRET": "a secret for tests only"}
        env["FLET_CLUSTER_UPLOAD_DIR"] = str(tmp_path_factory.mktemp("uploads"))
        started = Fleet(APP, redis_url, tmp_path_factory.mktemp("fleet"), env)
        try:
            for node in [started.spawn(str(port)), started.spawn()]:
                started.wait_ready(node)
            yield started
        finally:
            started.stop()


@pytest.fixture
def app(nodes: Fleet) -> str:
    return f"http://127.0.0.1:{nodes.nodes[0].port}"


def faults(found: Run) -> dict[str, int]:
    return {name: count for name in FAULTS if (count := found.count("fault", name))}


def well(found: Run) -> Run:
    """It ended well, and something was done."""
    assert found.code == 0, found.log
    assert not faults(found)
    assert any(name == "event to patch" for _, name in found.rows), found.log
    return found


def test_any_app_of_stock_flet_and_of_a_cluster(app: str) -> None:
    with module("tests.stock_server", "form") as form:
        runs = [start(form, files="loadtest,loadtest/_soak.py"), start(app)]
        stock, ours = [well(running.done()) for running in runs]
    assert stock.kinds == {"plain"}
    assert ours.kinds == {"link", "plain"}
    assert stock.users == ours.users == {"LinkUser", "PlainUser"}, "and nobody else, unless asked for"
    assert "Shape test completed" in stock.log


def test_special_users_take_part_by_name_and_by_tag(app: str) -> None:
    runs = [
        start(app, "ChatUser", "UploadUser"),
        start(app, "--tags", "storm", "mobile", "--storm-every", "2", "--drop-every", "1", seconds=4),
        start(app, "LoginUser", seconds=6),  # Authlib is imported for the first of them
    ]
    named, tagged, signed_in = found = [running.done() for running in runs]
    for ended in found:
        assert ended.code == 0, ended.log
        assert not faults(ended)
    assert named.users == {"ChatUser", "UploadUser"}
    assert tagged.users == {"MobileUser", "StormUser"}
    assert named.count("link", "event to own message") > 2
    assert named.count("link", "message from others") > 2
    assert named.count("link", "upload") > 2
    assert tagged.count("link", "resume") > 2
    assert tagged.count("link", "event to patch across a resume") > 0
    assert signed_in.count("link", "event to sign-in") > 0


def meddled(app: str, stack: contextlib.ExitStack, mode: str, user: str, **more: Any) -> Running:
    """Begin a run through a man in the middle, of users who count."""
    between = module("tests.load.meddler", app.replace("http", "ws") + "/ws", mode)
    return start(stack.enter_context(between), user, "--skip", OTHERS, **more)


def test_what_is_lost_or_doubled_fails_the_run_and_what_the_link_repairs_does_not(app: str) -> None:
    cases = [
        ("drop", "PlainUser", "lost event"),
        ("double", "PlainUser", "doubled event"),
        ("swap", "LinkUser", "lost event"),
        ("swap", "ChatUser", "lost event"),
        ("forget", "LinkUser", "lost event"),
        ("swallow", "LinkUser", ""),
        ("double-answer", "LinkUser", ""),
        ("break", "PlainUser", ""),
    ]
    with contextlib.ExitStack() as stack:
        runs = [meddled(app, stack, mode, user) for mode, user, _ in cases]
        found = [running.done() for running in runs]
    for (mode, user, fault), ended in zip(cases, found, strict=True):
        if fault:
            assert ended.code == 1, (mode, user, ended.log)
            assert fault in faults(ended), (mode, user, ended.log)
            assert f"FAILED: {fault}" in ended.log
    swallowed, doubled, broken = [well(ended) for ended in found[-3:]]
    assert broken.count("plain", "register again") >= 4
    assert swallowed.count("link", "resume") >= 4
    # On a slow machine the patch may come too late to be counted as this event's.
    across = [f"event {what} across a resume" for what in ("to patch", "without patch")]
    assert sum(swallowed.count("link", name) for name in across) >= 4
    assert doubled.count("link", "frame doubled on the way, repaired") >= 4


def test_faults_of_all_workers_fail_a_run_and_are_in_its_reports(app: str, tmp_path: Path) -> None:
    report, table = tmp_path / "report.html", tmp_path / "table"
    port = str(free_port())
    ports = [word for name in ("--master-bind-port", "--master-port") for word in (name, port)]
    with module("tests.load.meddler", app.replace("http", "ws") + "/ws", "double") as between:
        words = ["PlainUser", "--skip", OTHERS, "--processes", "2", *ports]
        found = run(between, *words, "--html", str(report), "--csv", str(table), seconds=6)
    assert found.code == 1, found.log
    assert found.count("plain", "open page") == 4, "the users of both workers"
    doubled = faults(found)["doubled event"]
    assert "the counter shows" in report.read_text()
    rows = rows_of(tmp_path / "table_stats.csv")
    assert rows["doubled event"]["Failure Count"] == str(doubled)
    assert int(rows["event to patch"]["Request Count"]) > doubled
    assert rows["lost event"]["Request Count"] == "0"


TICKS = """
import json
from loadtest._ramp import Ramp
from loadtest._soak import Soak
from loadtest._spike import Spike
parts = [0, 0.1, 0.3, 0.45, 0.6, 0.9]
print(json.dumps({cls.__name__: [round(cls().share(p), 2) for p in parts] for cls in (Ramp, Soak, Spike)}))
"""


def test_shapes() -> None:
    done = subprocess.run([sys.executable, "-c", TICKS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "Ramp": [0.1, 0.2, 0.4, 0.6, 0.8, 1.0],
        "Soak": [1.0, 0.82, 0.93, 0.93, 0.82, 0.82],
        "Spike": [0.1, 0.1, 1.0, 1.0, 0.1, 0.1],
    }


def test_chaos_wants_nodes_to_kill(app: str) -> None:
    found = run(app, files="loadtest,loadtest/_chaos.py")
    assert found.code == 1
    assert "--chaos-parent" in found.log


PAGES = {
    'a: {webSocketEndpoint: "/ws"}; flet.webSocketEndpoint="/app/ws";': "/app/ws",
    'flet.webSocketEndpoint = "own/socket";': "/own/socket",
    "none": "/ws",
}


def test_the_socket_is_where_the_page_says_last_whatever_the_path_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    for number, text in enumerate(PAGES):
        (tmp_path / "app" / f"{number}.html").write_text(f'<base href="/app/"><script>{text}</script>')
    handler = functools.partial(SilentHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        found = [socket_url(f"http://{host}/app/{number}.html") for number in range(len(PAGES))]
        server.shutdown()
    assert found == [f"ws://{host}{path}" for path in PAGES.values()]


def test_an_error_of_an_app_is_never_without_a_word() -> None:
    page = Page(lambda *_: None)
    for message, said in {"\nTraceback\nAssertionError\n": "AssertionError", "": "an error"}.items():
        with pytest.raises(Crashed, match=said):
            page.feed(encode(Action.SESSION_CRASHED, {"message": message}))


def test_nobody_can_do_anything_where_there_is_no_app() -> None:
    found = run(f"http://127.0.0.1:{free_port()}", seconds=1)
    assert found.code == 1
    assert "no user could do anything: no page opened" in found.log
    assert "does not open, and is tried again: ConnectionError" in found.log


def test_a_kill_and_a_drain_under_load_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench.load", "--seconds", "9", "--users", "10"]
    command += ["--report", str(tmp_path / "load")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS * 2, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "node 1 was killed" in done.stdout
    assert "node 2 has left, status 0" in done.stdout
