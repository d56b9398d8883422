"""Log lines: each says whose it is, also where sessions work at the same time, and none holds a secret."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.asgi.servers import serving
from tests.cluster.tools import session_of
from tests.environment import without_settings
from tests.fleet import SECRET, fleet
from tests.shell.running import eventually
from tests.sight.watching import APP
from tests.steps import Click
from tests.tab import open_tab

from flet_cluster.logs import _json_formatter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fleet import Fleet
    from tests.tab import Tab

JSON = {"FLET_CLUSTER_LOG_FORMAT": "json", "FLET_CLUSTER_LOG_LEVEL": "debug"}


def parsed(text: str) -> list[dict[str, Any]]:
    """All lines; each has to be an object."""
    return [json.loads(line) for line in text.splitlines()]


def tag_of(tab: Tab) -> str:
    return next(text.removeprefix("tag ") for text in tab.client.texts() if text.startswith("tag "))


@pytest.fixture(scope="module")
def machine() -> Iterator[Fleet]:
    """Two workers that log JSON."""
    with fleet(APP, "", 1, FLET_CLUSTER_WORKERS="2", TEST_BLOCK_SECONDS="0.1", **JSON) as nodes:
        log = nodes.nodes[0].log
        eventually(lambda: log.read_text().count(" serves (pid ") == 2, "both serve")
        yield nodes


async def test_lines_of_sessions_that_work_at_the_same_time_do_not_mix(machine: Fleet) -> None:
    node = machine.nodes[0]
    async with open_tab(lambda: [node.url]) as one, open_tab(lambda: [node.url]) as two:
        for _ in range(3):
            await asyncio.gather(one.do(Click("plus")), two.do(Click("plus")))
            await asyncio.gather(one.do(Click("block")), two.do(Click("block")))
        await one.do(Click("fail"))
        tokens = [str(one.link.token), str(two.link.token)]
        lines = parsed(node.log.read_text())
        for tab in (one, two):
            mine = [line for line in lines if tag_of(tab) in line["message"]]
            assert [line["message"].split()[0] for line in mine].count("sync") == 3
            assert [line["message"].split()[0] for line in mine].count("thread") == 3
            assert [line["message"].split()[0] for line in mine].count("async") == 3
            assert {(line["session"], line["node"]) for line in mine} == {(session_of(tab), tab.node)}
            assert {line["logger"] for line in mine} == {"shop"}
            handled = [line for line in mine if not line["message"].startswith("thread")]
            assert all(line["event"].startswith("Button(") for line in handled)
        for token in tokens:
            assert token not in node.log.read_text()
    assert SECRET not in node.log.read_text()


def test_an_exception_is_one_line(machine: Fleet) -> None:
    lines = parsed(machine.nodes[0].log.read_text())
    failed = next(line for line in lines if line["message"].startswith("failed"))
    assert failed["level"] == "ERROR"
    assert failed["exception"].startswith("Traceback (most recent call last):\n")
    assert failed["exception"].endswith("'two\\nlines'")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", failed["time"])


def test_the_supervisor_and_the_server_log_like_all_others(machine: Fleet) -> None:
    port = machine.nodes[0].port
    assert httpx.get(f"http://127.0.0.1:{port}/index.html?code=sesam").status_code == 200

    def accesses() -> list[dict[str, Any]]:
        lines = parsed(machine.nodes[0].log.read_text())
        return [line for line in lines if "/index.html" in line["message"]]

    (line,) = eventually(accesses, "the access is logged")
    assert line["logger"] == "uvicorn.access"
    assert line["node"].startswith("n-")
    assert "sesam" not in machine.nodes[0].log.read_text()
    lines = parsed(machine.nodes[0].log.read_text())
    assert len({line["pid"] for line in lines}) == 3, "two workers and their supervisor"
    assert any("embedded Valkey" in line["message"] for line in lines)


def test_a_server_of_the_users_own_logs_json_as_well() -> None:
    env = {**JSON, "FLET_CLUSTER_APP": "plain.py"}
    with serving("uvicorn", "flet_cluster.asgi:app", env) as server:
        lines = parsed(server.text())
    assert {"uvicorn.error", "flet_cluster.node"} <= {line["logger"] for line in lines}


async def test_lines_for_people_name_node_and_session() -> None:
    with fleet(APP, "", 1) as nodes:
        node = nodes.nodes[0]
        async with open_tab(lambda: [node.url]) as tab:
            await tab.do(Click("plus"))
            text = node.log.read_text()
            where = f"[{node.process.pid} {tab.node} {session_of(tab)}] shop: "
            assert f"WARNING {where}sync {tag_of(tab)}" in text
            assert f"WARNING {where}thread {tag_of(tab)}" in text


class Mute:
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("not for you")

    __repr__ = __str__


def test_whatever_an_app_logs_is_one_object_that_all_can_read() -> None:
    """A line that is lost, or that is no JSON, is missed when it is needed."""
    ring: dict[str, Any] = {}
    ring["again"] = ring
    taken = {"level": "NONE", "logger": "bank", "pid": 1, "stock": 2}
    lines = [
        written("ring", extra={"value": ring}),
        written("no number", extra={"value": math.nan}),
        written("keys", extra={"value": {(1, 2): 3}}),
        written("mute", extra={"value": Mute()}),
        written("%d pieces", "many"),
        written("%s", Mute()),
        written({(1, 2): 3}),
        written("taken", extra=taken),
    ]
    for line in lines:
        assert (line["level"], line["logger"], line["pid"]) == ("WARNING", "shop", os.getpid())
    assert [line["value"] for line in lines[:2]] == ["{'again': {...}}", "nan"]
    assert (lines[4]["message"], lines[4]["logging_error"][:9]) == ("%d pieces ('many',)", "TypeError")
    assert "RuntimeError" in lines[5]["logging_error"]
    assert lines[7]["stock"] == 2
    assert (lines[7]["extra_level"], lines[7]["extra_logger"], lines[7]["extra_pid"]) == ("NONE", "bank", 1)


def test_an_exception_that_nobody_can_catch_is_an_object_as_well() -> None:
    script = (
        "from flet_cluster.logs import configure_logging\n"
        "from flet_cluster.settings import Settings\n"
        "class Shop:\n"
        "    def __del__(self): raise ValueError('two\\nlines')\n"
        "configure_logging(Settings(log_format='json'))\n"
        "Shop()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=without_settings(), capture_output=True, text=True, check=True
    )
    (line,) = parsed(done.stderr)
    assert "Shop.__del__" in line["message"]
    assert line["exception"].endswith("ValueError: two\nlines")


def written(message: Any, *args: object, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a warning of an app looks like as JSON."""
    record = logging.getLogger("shop").makeRecord(
        "shop", logging.WARNING, "", 0, message, args, None, extra=extra
    )
    line = _json_formatter().format(record)
    assert "\n" not in line

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found: dict[str, Any] = json.loads(line, parse_constant=refused)
    return found
