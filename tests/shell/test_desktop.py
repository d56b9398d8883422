"""Whether a browser opens, and on which port and addresses an app is, on a desktop and on a server."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from flet.utils import is_linux_server
from tests.shell.running import APP, COMMAND, eventually, started

from flet_cluster.desktop import announcement, has_screen, opens_browser, suited, this_machine_has_screen
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

DISPLAY = ":97"
BROWSER = '#!/bin/sh\necho "$@" >> {opened}\nexec sleep 2\n'
OWN_START = 'import flet_cluster\n\ndef main(page):\n    pass\n\nif __name__ == "__main__":\n    {call}\n'


@pytest.mark.parametrize(
    ("system", "environment", "kernel", "screen"),
    [
        ("Linux", {}, "Linux version 6.1", False),
        ("Linux", {"DISPLAY": ""}, "Linux version 6.1", False),
        ("Linux", {"DISPLAY": ":0"}, "Linux version 6.1", True),
        ("Linux", {"WAYLAND_DISPLAY": "wayland-0"}, "Linux version 6.1", True),
        ("Linux", {}, "Linux version 5.15-microsoft-standard-WSL2", True),
        ("Darwin", {}, "", True),
        ("Windows", {}, "", True),
    ],
)
def test_where_there_is_a_screen(system: str, environment: dict[str, str], kernel: str, screen: bool) -> None:
    assert has_screen(system, environment, kernel) is screen


@pytest.mark.parametrize("display", ["", ":0"])
def test_it_is_what_flet_says_of_this_machine(monkeypatch: pytest.MonkeyPatch, display: str) -> None:
    if display:
        monkeypatch.setenv("DISPLAY", display)
    assert this_machine_has_screen() is not is_linux_server()  # type: ignore[no-untyped-call]


DESKTOP = ("127.0.0.1", 0, True)
SERVER = ("0.0.0.0", 8000, False)


@pytest.mark.parametrize(
    ("screen", "given", "expected"),
    [
        (True, {}, DESKTOP),
        (False, {}, SERVER),
        (True, {"force_web_server": True}, SERVER),
        (True, {"force_web_server": True, "open_browser": True}, SERVER),
        (False, {"open_browser": True}, SERVER),
        (True, {"open_browser": False}, ("127.0.0.1", 0, False)),
        (True, {"port": 8550}, ("127.0.0.1", 8550, True)),
        (True, {"host": "0.0.0.0"}, ("0.0.0.0", 0, True)),
        (False, {"host": "127.0.0.1", "port": 0}, ("127.0.0.1", 0, False)),
        (True, {"display_url_prefix": "URL"}, ("127.0.0.1", 0, False)),
        (True, {"proxy_path": "tools"}, ("127.0.0.1", 0, False)),
        (True, {"uds_path": "/run/app.sock"}, ("127.0.0.1", 0, False)),
        (True, {"workers": 3}, DESKTOP),
    ],
)
def test_what_is_decided(screen: bool, given: dict[str, Any], expected: tuple[str, int, bool]) -> None:
    settings = suited(Settings(**given), screen=screen)
    assert (settings.host, settings.port, opens_browser(settings, screen=screen)) == expected


def test_tools_read_a_line_in_the_form_of_flet() -> None:
    url = "http://127.0.0.1:8000/"
    settings = Settings(display_url_prefix="PAGE_URL_1", app_name="shop")
    assert announcement(settings, url, "memory") == f"PAGE_URL_1 {url} web_browser"
    unseen = settings.with_values(open_browser=False)
    assert announcement(unseen, url, "memory") == f"PAGE_URL_1 {url}"
    assert announcement(Settings(app_name="shop"), url, "memory") == f"shop: {url} (memory)"


class Desk:
    """A desktop with a browser that writes down what it is asked to show, and is closed late."""

    def __init__(self, folder: Path) -> None:
        self._opened = folder / "opened.txt"
        browser = folder / "browser"
        browser.write_text(BROWSER.format(opened=self._opened))
        browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
        self.env = {"DISPLAY": DISPLAY, "BROWSER": str(browser)}

    def opened(self) -> list[str]:
        return self._opened.read_text().split() if self._opened.exists() else []


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "app.py").write_text(APP)
    return Desk(tmp_path)


@pytest.mark.parametrize(
    "options", [(), ("--web",), ("-w", "--workers", "3")], ids=["alone", "web", "workers"]
)
def test_the_command_opens_one_browser_on_a_free_port(
    tmp_path: Path, desk: Desk, options: tuple[str, ...]
) -> None:
    with started(tmp_path, *COMMAND, "app.py", *options, **desk.env) as app:
        url = app.url()
        assert httpx.get(url).status_code == 200
        assert urlsplit(url).port != 8000
        eventually(desk.opened, "a browser is opened")
        if options[1:]:
            eventually(lambda: len(app.workers()) == 3, "all workers serve")
        assert desk.opened() == [url]


def test_a_script_started_by_python_opens_a_browser(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "app.py").write_text(OWN_START.format(call="flet_cluster.run(main)"))
    with started(tmp_path, "app.py", **desk.env) as app:
        url = app.url()
        eventually(desk.opened, "a browser is opened")
        assert desk.opened() == [url]
        assert urlsplit(url).hostname == "127.0.0.1"


@pytest.mark.parametrize(
    ("call", "options", "env", "opens"),
    [
        ("ft.run(main, view=None)", (), {}, False),
        ("ft.run(main, view=None)", ("--web",), {}, True),
        ("ft.run(main, view=ft.AppView.WEB_BROWSER)", (), {}, True),
        ("ft.run(main)", ("--no-browser",), {}, False),
        ("ft.run(main)", (), {"FLET_FORCE_WEB_SERVER": "True", "FLET_SERVER_PORT": "0"}, False),
        ("ft.run(main)", (), {"DISPLAY": "", "FLET_SERVER_PORT": "0"}, False),
    ],
)
def test_who_may_decide_otherwise(  # noqa: PLR0913, PLR0917  a table
    tmp_path: Path, desk: Desk, call: str, options: tuple[str, ...], env: dict[str, str], opens: bool
) -> None:
    (tmp_path / "app.py").write_text(APP.replace("ft.run(main)", call))
    with started(tmp_path, *COMMAND, "app.py", *options, **{**desk.env, **env}) as app:
        url = app.url()
        assert httpx.get(url).status_code == 200
        if opens:
            eventually(desk.opened, "a browser is opened")
        assert app.stop() == 0
        assert desk.opened() == ([url] if opens else [])


def test_a_server_is_on_port_8000(tmp_path: Path, desk: Desk) -> None:
    forced = {**desk.env, "FLET_FORCE_WEB_SERVER": "true"}
    with started(tmp_path, *COMMAND, "app.py", **forced) as app:
        # It may be taken on this machine: that tells as much.
        eventually(lambda: "127.0.0.1:8000" in app.output(), "it says where it is, or would be")


def test_a_browser_that_cannot_be_opened_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    with started(
        tmp_path, *COMMAND, "app.py", DISPLAY=DISPLAY, BROWSER="/no/such/browser", PATH="/no"
    ) as app:
        url = app.url()
        eventually(lambda: f"no browser could be opened; go to {url}" in app.output(), "it says so")
        assert httpx.get(url).status_code == 200


def test_the_tests_themselves_have_no_screen() -> None:
    assert not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
