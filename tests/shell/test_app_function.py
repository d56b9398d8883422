"""``flet_cluster.app(main)``: the same node as a FastAPI application."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import flet as ft
import pytest
from fastapi import FastAPI

import flet_cluster
from flet_cluster.errors import SettingsError


def main(page: ft.Page) -> None:
    page.add(ft.Text("hello"))


def test_it_is_a_function_even_after_its_module_was_imported() -> None:
    importlib.import_module("flet_cluster.application")
    application = flet_cluster.app(main)
    assert isinstance(application, FastAPI)


def test_several_workers_are_the_servers_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLET_CLUSTER_WORKERS", "2")
    with pytest.raises(SettingsError, match="one node"):
        flet_cluster.app(main)


def test_importing_the_package_imports_no_flet() -> None:
    code = "import sys, flet_cluster; sys.exit('flet' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


def test_a_redis_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text("import flet as ft\nft.run(lambda page: None)\n")
    command = [sys.executable, "-m", "flet_cluster.cli", "run", str(script), "--port", "0"]
    env = {
        **os.environ,
        "FLET_CLUSTER_REDIS_URL": "redis://user:hunter2@127.0.0.1:1/0",
        "FLET_CLUSTER_STORE_PATIENCE": "0.5",
        "FLET_SECRET_KEY": "a key of more than sixteen characters",
    }
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    told = done.stdout + done.stderr
    assert done.returncode == 1
    assert "The Redis at 127.0.0.1:1 (--redis-url, FLET_CLUSTER_REDIS_URL) does not answer" in told
    assert "Traceback" not in told
    assert "hunter2" not in told


def started(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script of these lines up to the point where it looks for its Redis, which is not there."""
    script = folder / "app.py"
    script.write_text(text)
    command = [sys.executable, "-m", "flet_cluster.cli", "run", str(script), "--port", "0", *options]
    env = {
        **os.environ,
        "FLET_CLUSTER_REDIS_URL": "redis://127.0.0.1:1/0",
        "FLET_CLUSTER_STORE_PATIENCE": "0.2",
        "FLET_SECRET_KEY": "a key of more than sixteen characters",
    }
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


OLDER = "import flet as ft\ndef main(page): page.add(ft.ElevatedButton('a'))\nft.run(main)\n"


def test_older_spellings_are_mentioned_as_the_log_wants_it(tmp_path: Path) -> None:
    assert re.search(
        r"^\d{4}-.* WARNING .*app.py: older spellings", started(tmp_path, OLDER).stderr, re.MULTILINE
    )
    assert "older spellings" not in started(tmp_path, OLDER, "--log-level", "error").stderr


def test_older_names_are_mentioned_where_they_are_the_reason_of_a_failure(tmp_path: Path) -> None:
    told = started(tmp_path, "import flet as ft\nchart = ft.LineChart()\nft.run(print)\n").stderr
    assert told.index("flet_charts") < told.index("app failed before it called ft.run")


def test_a_script_may_run_its_app_in_a_thread(tmp_path: Path) -> None:
    text = (
        "import threading, flet as ft\nthread = threading.Thread(target=ft.run, args=(print,))\n"
        "thread.start()\nthread.join()\n"
    )
    told = started(tmp_path, text).stderr
    assert "does not answer" in told, "it was loaded"
    assert "Traceback" not in told
    assert "ScriptStopped" not in told


def test_an_app_in_no_file_is_told_to_be_put_into_one() -> None:
    code = "import flet_cluster\ndef main(page): ...\nflet_cluster.run(main)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("Error: flet_cluster.run needs an app that is in a file")
    assert "python app.py" in done.stderr
