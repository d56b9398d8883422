"""An app in a frame of another site, as portals show it: it needs a cookie that browsers keep there."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tests.chromium.screen import PATIENCE
from tests.shell.certificates import make
from tests.shell.running import COMMAND, ROOT, Served, eventually, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Frame

COUNTER = ROOT / "tests" / "apps" / "counter.py"
LINES = """
[...document.querySelectorAll('flt-semantics')].flatMap((e) =>
  [e.getAttribute('aria-label') || '', ...[...e.childNodes].map((n) => n.textContent)]).join('\\n')
"""


@contextlib.contextmanager
def portal(app: str) -> Iterator[str]:
    """Serve a page that shows the app in a frame. To browsers 127.0.0.1 and localhost are two sites."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'<h1>Portal</h1><iframe src="{app}" width="900" height="600"></iframe>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    certificate, key = make(tmp_path, "site")
    tls = ("--ssl-certfile", str(certificate), "--ssl-keyfile", str(key))
    options = (*tls, "--port", "0", "--workers", "2")
    env = {"FLET_CLUSTER_COOKIE_SAMESITE": "none"}
    with started(tmp_path, *COMMAND, str(COUNTER), *options, **env) as served:
        served.url()
        yield served


def shows(frame: Frame, text: str) -> None:
    """Wait until the app in the frame shows a text."""
    frame.wait_for_function(f"(text) => {LINES}.includes(text)", arg=text, timeout=PATIENCE)


def test_a_framed_session_outlives_its_node(app: Served, chromium: Browser) -> None:
    context = chromium.new_context(ignore_https_errors=True)
    url = app.url().replace("127.0.0.1", "localhost")
    with contextlib.closing(context), portal(url) as site:
        page = context.new_page()
        page.goto(site)
        frame = next(frame for frame in page.frames if frame.url.startswith(url))
        placeholder = frame.locator("flt-semantics-placeholder")
        placeholder.wait_for(state="attached", timeout=PATIENCE)
        placeholder.dispatch_event("click")
        shows(frame, "Count: 0")
        (cookie,) = [one for one in context.cookies() if one.get("name", "").startswith("flet_cluster")]
        assert (cookie.get("sameSite"), cookie.get("secure")) == ("None", True)
        plus = frame.locator("flt-semantics-host [role=button]").nth(1)
        plus.click()
        shows(frame, "Count: 1")
        workers = app.workers()
        for number, worker in enumerate(workers, start=1):
            os.kill(worker, signal.SIGKILL)
            eventually(lambda: len(app.workers()) == len(workers) + number, "a new worker serves")  # noqa: B023
        plus.click()
        shows(frame, "Count: 2")


def test_another_value_is_refused(tmp_path: Path) -> None:
    with started(tmp_path, *COMMAND, str(COUNTER), FLET_CLUSTER_COOKIE_SAMESITE="strict") as served:
        assert served.process.wait(30) != 0
        assert "FLET_CLUSTER_COOKIE_SAMESITE" in served.output()
