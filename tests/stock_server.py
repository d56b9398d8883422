"""A sample app on the real, stock Flet server, in a process of its own.

``with stock_server("counter") as url:`` starts ``python -m tests.stock_server counter`` on a free port.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import flet_web.fastapi  # type: ignore[import-untyped]
import uvicorn
from tests.app_loader import load
from tests.twin import ENVIRONMENT, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def stock_server(app: str) -> Iterator[str]:
    """The websocket URL of a running server; it is stopped on exit."""
    command = [sys.executable, "-m", "tests.stock_server", app]
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}/ws"
    finally:
        process.terminate()
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()


def _serve(app: str) -> None:
    loaded = load(app)
    asgi = flet_web.fastapi.app(loaded.main, loaded.before_main)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)  # whoever connects from now on waits in the backlog
    config = uvicorn.Config(asgi, log_level="critical", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    _serve(sys.argv[1])
