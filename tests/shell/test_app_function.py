"""``flet_cluster.app(main)``: the same node as a FastAPI application."""

from __future__ import annotations

import importlib
import os
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
