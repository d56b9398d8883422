"""``flet-cluster run app.py | head -1`` goes on serving."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.shell.running import APP, LONG, ROOT, eventually, free_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("workers", [1, 2])
def test_a_closed_standard_output_is_no_reason_to_stop(tmp_path: Path, workers: int) -> None:
    script = tmp_path / "app.py"
    script.write_text(APP)
    port = free_port()
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "flet_cluster.cli", "run", str(script)]
    process = subprocess.Popen(
        [*command, "--workers", str(workers), "--host", "127.0.0.1", "--port", str(port)],
        stdout=writer,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(writer)

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        except httpx.HTTPError:
            return process.poll() is not None

    try:
        eventually(ready, "it serves")
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(LONG)
