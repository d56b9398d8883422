"""Behind a proxy that takes a path away, as one that serves several apps under one name does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.bench.start import is_open
from tests.haproxy import DEFAULTS, haproxy
from tests.shell.running import COMMAND, free_port, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chromium.screen import Screen

APP = """\
import flet as ft

def main(page):
    page.add(ft.Text(page.url), ft.Text(page.name), ft.Text(page.route), ft.Image(src="dot.png"))

ft.run(main, name="apps/shop")
"""
CONFIG = f"""\
{DEFAULTS}
frontend web
    bind 127.0.0.1:{{port}}
    http-request deny unless {{{{ path_beg /tools/ }}}}
    http-request replace-path ^/tools/(.*) /\\1
    default_backend app

backend app
    server app 127.0.0.1:{{behind}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The app's address at the proxy."""
    (tmp_path / "app.py").write_text(APP)
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "dot.png").write_bytes(b"no picture, but it is asked for")
    port, behind = free_port(), free_port()
    with started(tmp_path, *COMMAND, "app.py", "--proxy-path", "/tools/", "--port", str(behind)) as app:
        app.url()
        with haproxy(tmp_path, CONFIG.format(port=port, behind=behind), lambda: is_open(port)):
            yield f"http://127.0.0.1:{port}/tools/apps/shop/"


def test_everything_is_asked_for_below_the_path(site: str, screen: Screen) -> None:
    asked: list[str] = []
    screen.page.on("request", lambda request: asked.append(request.url))
    screen.open(site, site.replace("http", "ws").rstrip("/"), "tools/apps/shop", "/")
    assert any(url.endswith("/dot.png") for url in asked)
    assert [url for url in asked if not url.startswith((site, "blob:", "data:"))] == []
    assert [socket.url for socket in screen.sockets] == [site.replace("http", "ws") + "ws"]
    cookies = [cookie for cookie in screen.page.context.cookies() if "flet_cluster" in cookie.get("name", "")]
    assert [cookie.get("path") for cookie in cookies] == ["/tools/apps/shop"]
    screen.page.goto(site.rstrip("/"))
    screen.settle("tools/apps/shop")
    assert screen.page.url == site
