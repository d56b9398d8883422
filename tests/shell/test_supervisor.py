"""Several workers on one port: they start, are replaced, and end together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.shell.running import APP, LONG, ROOT, SLOWNESS, alive, eventually, free_port, served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shell.running import Served


def all_serve(running: Served, count: int) -> list[int]:
    pids: list[int] = eventually(
        lambda: len(set(running.workers())) >= count and running.workers(), f"{count} workers serve"
    )
    return pids


def test_workers_share_port_key_and_redis(tmp_path: Path) -> None:
    with served(tmp_path, workers=3) as running:
        pids = all_serve(running, 3)
        answers = [running.who() for _ in range(20)]
        assert {answer["pid"] for answer in answers} <= set(pids)
        assert len({answer["key"] for answer in answers}) == 1
        assert len({answer["redis"] for answer in answers}) == 1
        assert answers[0]["redis"].startswith("unix://")
        assert answers[0]["app_name"] == "app"
        assert answers[0]["main"] == "app.main"
        assert f"http://127.0.0.1:{running.port}/" in running.output()


def test_workers_are_in_the_process_group_of_their_supervisor(tmp_path: Path) -> None:
    """Who ends the group, as a terminal or a service manager does, ends them all."""
    with served(tmp_path, workers=3) as running:
        pids = all_serve(running, 3)
        assert {os.getpgid(pid) for pid in pids} == {os.getpgid(running.process.pid)}
        assert os.getpgid(running.process.pid) != os.getpgid(0)


EXPORTING = "import flet as ft\n\ndef main(page):\n    pass\n\napp = ft.run(main, export_asgi_app=True)\n"


@pytest.mark.parametrize("app", [APP, EXPORTING])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_misspelt_variable_is_mentioned_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, app: str
) -> None:
    monkeypatch.setenv("FLET_CLUSTER_HEARTBEAT_TIMOUT", "9")
    with served(tmp_path, workers=workers, app=app) as running:
        running.url()
        assert running.output().count("is FLET_CLUSTER_HEARTBEAT_TIMEOUT meant?") == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_modules_are_kept_out_of_garbage_collections(tmp_path: Path, workers: int) -> None:
    with served(tmp_path, workers=workers) as running:
        assert eventually(running.answers, "it answers")["frozen"] > 20_000


def test_killed_worker_is_replaced(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as running:
        first = all_serve(running, 2)
        os.kill(first[0], signal.SIGKILL)
        now = all_serve(running, 3)
        assert alive(now[2])
        assert not alive(first[0])
        assert running.who()["pid"] in now[1:]
        assert "was killed by SIGKILL" in running.output()


def test_port_refuses_until_a_worker_is_ready(tmp_path: Path) -> None:
    with served(tmp_path, "slow_to_start", workers=2) as running:
        started, refused = time.monotonic(), 0
        while running.answers() is None:
            # Whoever could connect would wait in a queue that nobody serves yet.
            refused += 1
            assert time.monotonic() - started < LONG
            time.sleep(0.02)
        assert refused > 0
        assert time.monotonic() - started > 1.5
        assert running.who()["pid"] in all_serve(running, 2)


def test_address_in_use_is_said_before_anything_serves(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for workers in (1, 3):
            with served(tmp_path, workers=workers, port=port) as running:
                assert running.wait() != 0
                assert f"127.0.0.1:{port} is in use" in running.output()
                assert "--port" in running.output()
                assert "Traceback" not in running.output()


def test_stopping_the_whole_group_drains_too(tmp_path: Path) -> None:
    """As service managers do: each worker hears it twice, the second time from its supervisor."""
    with served(tmp_path, "draining", workers=3) as running:
        pids = all_serve(running, 3)
        os.killpg(running.process.pid, signal.SIGTERM)
        assert running.wait() == 0
        assert running.output().count("drained ") == len(pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_everything_gracefully(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path, "draining", workers=3) as running:
        pids = all_serve(running, 3)
        running.process.send_signal(number)
        assert running.wait() == 0
        assert not any(alive(pid) for pid in pids)
        assert sorted(f"drained {pid}" for pid in pids) == sorted(
            line for line in running.output().splitlines() if line.startswith("drained")
        )
        assert "Traceback" not in running.output()
        assert running.answers() is None


@pytest.mark.parametrize("workers", [1, 3])
def test_interrupt_in_the_terminal_ends_everything_gracefully(tmp_path: Path, workers: int) -> None:
    with served(tmp_path, "draining", workers=workers) as running:
        eventually(running.answers, "it answers")
        pids = all_serve(running, 3) if workers > 1 else [running.process.pid]
        os.killpg(running.process.pid, signal.SIGINT)  # Ctrl-C reaches the whole process group
        assert running.wait() == 0
        output = running.output()
        assert sorted(f"drained {pid}" for pid in pids) == sorted(
            line for line in output.splitlines() if line.startswith("drained")
        )
        assert "Traceback" not in output
        assert "Valkey has ended" not in output  # workers need it to drain into


@pytest.mark.parametrize("workers", [1, 2])
def test_second_signal_does_not_wait(tmp_path: Path, workers: int) -> None:
    with served(tmp_path, "draining_for_ever", workers=workers) as running:
        eventually(running.answers, "it answers")
        pids = all_serve(running, 2) if workers > 1 else [running.process.pid]
        running.process.send_signal(signal.SIGTERM)
        eventually(lambda: "draining" in running.output(), "the drain has begun")
        eventually(lambda: "Ask a second time" in running.output(), "it says how to hurry")
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(10 * SLOWNESS)
        assert running.output().count("Ask a second time") == 1
        assert not any(alive(pid) for pid in pids)


def test_a_worker_that_still_loads_its_app_ends_at_once_whatever_that_swallows(tmp_path: Path) -> None:
    app = (
        "import time\nprint('loading', flush=True)\nwhile True:\n"
        "    try:\n        time.sleep(0.05)\n    except BaseException:\n        pass\n"
    )
    with served(tmp_path, app=app, workers=2) as running:
        eventually(lambda: running.output().count("loading") == 2, "both load")
        assert running.stop() == 0
        assert "killing it" not in running.output()


def test_drain_is_bounded(tmp_path: Path) -> None:
    with served(tmp_path, "draining_for_ever", workers=2, drain_timeout=1) as running:
        all_serve(running, 2)
        assert running.stop() == 0
        assert "drain took longer than 1 s" in running.output()


def test_workers_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    with served(tmp_path, "draining_for_ever", workers=3) as running:
        pids = all_serve(running, 3)
        running.process.kill()
        running.process.wait()
        eventually(lambda: not any(alive(pid) for pid in pids), "no worker is left", 5 * SLOWNESS)


def test_killed_worker_is_replaced_even_if_its_children_live_on(tmp_path: Path) -> None:
    start_child = "import subprocess\nCHILD = subprocess.Popen(['sleep', '60'])\nprint('child', CHILD.pid)\n"
    with served(tmp_path, app=start_child + APP, workers=2) as running:
        try:
            os.kill(all_serve(running, 2)[0], signal.SIGKILL)
            all_serve(running, 3)
        finally:
            for line in running.output().splitlines():
                if line.startswith("child "):
                    os.kill(int(line.split()[1]), signal.SIGTERM)


@pytest.mark.parametrize("workers", [1, 2])
def test_failing_startup_is_shown_once_and_ends_it(tmp_path: Path, workers: int) -> None:
    with served(tmp_path, "broken", workers=workers) as running:
        assert running.wait() == 1
        assert running.output().count("RuntimeError: the shelf is empty") == 1


def test_worker_that_ends_without_a_word_ends_it_after_some_attempts(tmp_path: Path) -> None:
    with served(tmp_path, "crashing", workers=2) as running:
        assert running.wait() == 1
        assert running.output().count("exited with code 7 before it was ready") == 1
        assert "No worker could be started" in running.output()


@pytest.mark.parametrize("workers", [1, 2])
def test_failing_script_is_shown_with_its_traceback(tmp_path: Path, workers: int) -> None:
    with served(
        tmp_path, app="import flet as ft\n\nraise KeyError('no config')\n", workers=workers
    ) as running:
        assert running.wait() == 1
        output = running.output()
        assert output.count("KeyError: 'no config'") == 1
        assert 'app.py", line 3' in output
        assert "importlib" not in output


def test_arguments_of_the_script_count_less_than_those_given(tmp_path: Path) -> None:
    port = free_port()
    app = APP.replace("ft.run(main)", f"ft.run(main, port={port})")
    with served(tmp_path, app=app, port=None, workers=2) as running:
        running.port = port
        assert eventually(running.answers, "the script's port answers")


def test_serves_from_a_read_only_directory(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "app.py").write_text(APP)
    before = sorted(home.rglob("*"))
    home.chmod(0o555)
    try:
        with served(home, workers=2, log_folder=tmp_path) as running:
            all_serve(running, 2)
    finally:
        home.chmod(0o755)
    assert sorted(home.rglob("*")) == before


def test_forwarded_addresses_are_believed_only_from_known_proxies(tmp_path: Path) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7"}
    for trusted, seen in (("127.0.0.1", "203.0.113.7"), ("10.0.0.1", "127.0.0.1")):
        with served(tmp_path, forwarded_allow_ips=trusted) as running:
            eventually(running.answers, "it answers")
            answer = httpx.get(f"http://127.0.0.1:{running.port}/who", headers=headers).json()
            assert answer["client"] == seen


def test_run_from_a_script_is_the_same_as_the_command(tmp_path: Path) -> None:
    port = free_port()
    script = tmp_path / "own.py"
    script.write_text(
        "import flet_cluster\n\ndef main(page):\n    pass\n\n"
        f'if __name__ == "__main__":\n    flet_cluster.run(main, port={port}, log_level="nonsense")\n'
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 1
    assert "ft.run(log_level=…) = 'nonsense'" in done.stderr
