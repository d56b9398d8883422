"""The shape of ``make run``: three workers on one port over the embedded Valkey."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.environment import without_settings
from tests.shell.running import ROOT, Served, alive, eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chromium.screen import Screen

WORKERS = 3
BETWEEN_CLICKS = 250
"""Milliseconds. With its accessibility tree on, Flutter takes clicks closer than 200 ms as one."""


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    port, log = free_port(), tmp_path / "log"
    options = [
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-browser",
        "--workers",
        str(WORKERS),
        "--app-name",
        "demo",
    ]
    command = [sys.executable, "-m", "flet_cluster.cli", "run", str(ROOT / "examples/demo/main.py"), *options]
    env = without_settings()
    failed = request.session.testsfailed
    with log.open("w") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT, text=True)
    served = Served(process, port, log)
    try:
        eventually(lambda: len(served.workers()) == WORKERS, "all workers serve")
        yield served
        assert served.stop() == 0
    finally:
        if request.session.testsfailed > failed:
            print(served.output())
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def test_every_worker_is_killed_while_the_user_clicks(demo: Served, screen: Screen) -> None:
    screen.open(f"http://127.0.0.1:{demo.port}/", "Counter", "0")
    plus = screen.page.locator("flt-semantics [role=button]").nth(1)  # the card keeps the tooltips for itself
    plus.click()
    screen.shows("1")
    screen.forget()
    clicks = 1
    for number, worker in enumerate(demo.workers(), start=1):
        for i in range(6):
            if i == 3:
                os.kill(worker, signal.SIGKILL)
            plus.click()
            clicks += 1
            screen.page.wait_for_timeout(BETWEEN_CLICKS)
        screen.shows(str(clicks))
        eventually(lambda: len(demo.workers()) == WORKERS + number, "a new worker serves")  # noqa: B023
    screen.resumed(1)
    screen.photograph("after")
    screen.noticed_nothing()
    living = [worker for worker in demo.workers() if alive(worker)]
    assert len(living) == WORKERS
    assert not set(living) & set(demo.workers()[:WORKERS])
