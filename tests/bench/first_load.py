"""Bytes that Chromium transfers for an app, from stock Flet and from this package, first and second visit.

    python -m tests.bench.first_load

Counted by the DevTools protocol (``Network.loadingFinished``), headers included. Both serve everything
themselves (``no_cdn``). The web client is compressed before, once, into ``artifacts/web-cache``.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from tests.bench.start import is_open
from tests.chromium.loads import compressed_client, profile, visit
from tests.environment import without_settings
from tests.shell.running import ROOT, eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = ROOT / "tests" / "apps" / "counter.py"
RENDERERS = ("auto", "canvaskit")


@contextlib.contextmanager
def ours(renderer: str, cache: Path, folder: Path) -> Iterator[str]:
    """Serve from a node; yields its URL."""
    port = free_port()
    command = [sys.executable, "-m", "flet_cluster.cli", "run", str(APP), "--port", str(port)]
    kept = without_settings()
    own = {"FLET_CLUSTER_CACHE_DIR": str(cache), "FLET_WEB_RENDERER": renderer}
    with (folder / "ours.log").open("w") as log:
        process = subprocess.Popen(command, env={**kept, **own}, cwd=folder, stdout=log, stderr=log)
    try:
        eventually(lambda: is_open(port), f"it serves; see {log.name}")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def stock(renderer: str) -> Iterator[str]:
    """Serve from Flet's own server; yields its URL."""
    own = {"FLET_WEB_NO_CDN": "true", "FLET_WEB_RENDERER": renderer}
    command = [sys.executable, "-m", "tests.stock_server", APP.stem]
    with subprocess.Popen(
        command, env={**os.environ, **own}, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()


def main() -> None:
    """Measure and print."""
    cache = compressed_client(ROOT / "artifacts" / "web-cache")
    print(f"{'renderer':10} {'server':7} {'first visit':>12} {'second':>12}  bytes")
    with sync_playwright() as playwright:
        for renderer in RENDERERS:
            for name in ("stock", "ours"):
                with tempfile.TemporaryDirectory() as scratch:
                    folder = Path(scratch)
                    server = stock(renderer) if name == "stock" else ours(renderer, cache, folder)
                    with server as url, profile(playwright.chromium, folder / "profile") as context:
                        first, second = (visit(context, url, "Count: 0").bytes_sent for _ in range(2))
                print(f"{renderer:10} {name:7} {first:12,} {second:12,}")


if __name__ == "__main__":
    main()
