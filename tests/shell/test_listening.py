"""Ports and unix domain sockets: what is said of them, what is left behind."""

from __future__ import annotations

import contextlib
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.shell.running import APP, COMMAND, eventually, started
from websockets import InvalidStatus, Subprotocol
from websockets.sync.client import connect, unix_connect

from flet_cluster import listening
from flet_cluster.desktop import suited
from flet_cluster.errors import SettingsError
from flet_cluster.protocol.frames import SUBPROTOCOL
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def client(path: Path) -> httpx.Client:
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://app.test")


@pytest.mark.parametrize("host", ["0.0.0.0", "*", "::"])
def test_all_addresses_are_shown_as_one_that_a_browser_can_open(host: str) -> None:
    settings = Settings(host=host, port=0)
    with contextlib.closing(listening.bind(settings)) as sock:  # bound only: nobody can connect
        assert sock.getsockname()[0] in {"0.0.0.0", "::"}
        shown = "[::1]" if host == "::" else "127.0.0.1"
        assert listening.url_of(sock, settings) == f"http://{shown}:{sock.getsockname()[1]}/"


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_an_address_can_be_put_into_a_url(host: str, shown: str) -> None:
    with contextlib.closing(listening.bound(host, 0)) as sock:
        assert listening.address_of(sock) == f"{shown}:{sock.getsockname()[1]}"


def test_the_url_has_the_path_of_the_app() -> None:
    settings = Settings(host="127.0.0.1", port=0, app_path="/apps/shop/")
    with contextlib.closing(listening.bind(settings)) as sock:
        assert listening.url_of(sock, settings).endswith("/apps/shop/")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_all_workers_listen_on_the_file_and_it_is_gone_at_the_end(folder: Path, workers: str) -> None:
    path = folder / "app.sock"
    with started(folder, *COMMAND, "app.py", "--workers", workers, FLET_SERVER_UDS_PATH=str(path)) as app:
        assert app.url() == str(path)
        if workers == "2":
            eventually(lambda: len(app.workers()) == 2, "both serve")
        with client(path) as user:
            assert user.get("/readyz").json() == {"status": "ready"}
            assert "resume" in user.get("/").text
        with unix_connect(
            str(path),
            "ws://app.test/ws",
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            origin="https://app.test",
            additional_headers={"X-Forwarded-Proto": "https"},
        ) as browser:
            # Who connects here is a proxy of this machine: what it says of its clients is believed.
            assert browser.response is not None
            assert "Secure" in browser.response.headers["Set-Cookie"]
        assert app.stop() == 0
        assert not path.exists()


def test_what_a_killed_process_left_is_replaced_and_a_living_one_is_not(folder: Path) -> None:
    path = folder / "app.sock"
    for _ in range(2):
        with started(folder, *COMMAND, "app.py", "--uds", "app.sock") as app:
            app.url()
            with started(folder, *COMMAND, "app.py", "--uds", str(path)) as second:
                assert second.wait() == 2
                assert f"Another process listens on {path}" in second.output()
                assert "Traceback" not in second.output()
            with client(path) as user:
                assert user.get("/readyz").status_code == 200
            app.process.kill()
            app.process.wait()
        assert path.is_socket()


def test_only_what_is_a_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary")
    with pytest.raises(SettingsError, match="no socket"):
        listening.bind(Settings(uds_path=path))
    assert path.read_text() == "dear diary"


@pytest.mark.parametrize("name", ["no/such/folder/app.sock", "x" * 120])
def test_a_path_that_cannot_be_is_explained(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"FLET_SERVER_UDS_PATH"):
        listening.bind(Settings(uds_path=tmp_path / name))


def test_proxies_at_a_file_are_believed_unless_said_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    assert suited(Settings(uds_path=path), screen=False).forwarded_allow_ips == "*"
    named = Settings(uds_path=path, forwarded_allow_ips="10.0.0.1")
    assert suited(named, screen=False).forwarded_allow_ips == "10.0.0.1"


def test_others_may_not_be_pushed_aside() -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(SettingsError, match=r"is in use.*--port"):
        listening.bind(Settings(host="127.0.0.1", port=taken.getsockname()[1]))


def test_a_socket_at_a_path_where_there_is_none_is_refused(folder: Path) -> None:
    with started(folder, *COMMAND, "app.py", "--port", "0") as app:
        url = f"{app.url().replace('http', 'ws', 1)}nowhere/ws"
        with pytest.raises(InvalidStatus) as refused, connect(url):
            pass
        assert refused.value.response.status_code == HTTPStatus.FORBIDDEN
        assert "Traceback" not in app.output()
