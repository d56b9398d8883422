"""HTTPS and WSS from the app's own port, and what is said when a certificate cannot be used."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.shell.certificates import make
from tests.shell.running import COMMAND, ROOT, started
from tests.steps import Click
from tests.tab import open_tab

from flet_cluster import tls
from flet_cluster.errors import SettingsError
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "sesam-oeffne-dich"
COUNTER = ROOT / "tests" / "apps" / "counter.py"


async def fetch(url: str, trusting: ssl.SSLContext) -> httpx.Response:
    """Load a page as a browser does."""
    async with httpx.AsyncClient(verify=trusting, headers={"Sec-Fetch-Dest": "document"}) as browser:
        return await browser.get(url)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_session_over_wss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str) -> None:
    certificate, key = make(tmp_path, "site", PASSWORD)
    options = ("--ssl-certfile", "site.crt", "--ssl-keyfile", str(key), "--port", "0", "--workers", workers)
    env = {"FLET_CLUSTER_SSL_KEYFILE_PASSWORD": PASSWORD}
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # what clients trust
    with started(tmp_path, *COMMAND, str(COUNTER), *options, **env) as app:
        url = app.url()
        assert url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(certificate))
        page = await fetch(url, trusting)
        assert page.status_code == 200
        assert "Secure" in page.headers["set-cookie"]
        socket = url.replace("https", "wss") + "ws"
        async with open_tab(lambda: [socket], headers={"Origin": url.rstrip("/")}) as tab:
            await tab.do(Click("plus"))
            assert "Count: 1" in tab.client.texts()
        assert PASSWORD not in app.output()


def test_clients_may_need_a_certificate_themselves(tmp_path: Path) -> None:
    certificate, key = make(tmp_path, "site")
    client, client_key = make(tmp_path, "client")
    options = ("--ssl-certfile", str(certificate), "--ssl-keyfile", str(key), "--port", "0")
    wanted = ("--ssl-ca-certs", str(client), "--ssl-cert-reqs", "required")
    with started(tmp_path, *COMMAND, str(COUNTER), *options, *wanted) as app:
        url, known = app.url(), ssl.create_default_context(cafile=str(certificate))
        with pytest.raises(httpx.TransportError):
            httpx.get(url, verify=known)
        known.load_cert_chain(client, client_key)
        assert httpx.get(url, verify=known).status_code == 200


def options_of(**values: object) -> dict[str, object]:
    return tls.options(Settings(**values))  # type: ignore[arg-type]


def test_without_a_certificate_nothing_is_passed_on() -> None:
    assert options_of() == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"ssl_certfile": "absent.crt"},
            r"--ssl-certfile \(FLET_CLUSTER_SSL_CERTFILE\) = '.*absent.crt': No",
        ),
        ({"ssl_certfile": "a.crt", "ssl_keyfile": "absent.key"}, "--ssl-keyfile .*: No such file"),
        ({"ssl_certfile": "a.crt", "ssl_keyfile": "b.key"}, r"a\.crt with the key .*b\.key cannot be used"),
        ({"ssl_certfile": "a.crt"}, "cannot be used"),
        ({"ssl_certfile": "a.key", "ssl_keyfile": "a.key"}, "cannot be used"),
        ({"ssl_certfile": "c.crt", "ssl_keyfile": "c.key"}, "FLET_CLUSTER_SSL_KEYFILE_PASSWORD"),
        (
            {"ssl_certfile": "c.crt", "ssl_keyfile": "c.key", "ssl_keyfile_password": "wrong"},
            "FLET_CLUSTER_SSL_KEYFILE_PASSWORD",
        ),
        ({"ssl_certfile": "a.crt", "ssl_keyfile": "a.key", "ssl_ca_certs": "a.key"}, "--ssl-ca-certs"),
        (
            {"ssl_certfile": "a.crt", "ssl_keyfile": "a.key", "ssl_ciphers": "ROT13"},
            "--ssl-ciphers = 'ROT13'",
        ),
        ({"ssl_keyfile": "a.key"}, "--ssl-keyfile needs a certificate: add --ssl-certfile"),
        ({"ssl_cert_reqs": 2}, "--ssl-cert-reqs needs a certificate"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, object], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "a")
    make(tmp_path, "b")
    make(tmp_path, "c", PASSWORD)
    with pytest.raises(SettingsError, match=message) as caught:
        options_of(**values)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_wrong_certificate_is_said_once_before_anything_serves(tmp_path: Path, workers: str) -> None:
    options = ("--ssl-certfile", "absent.crt", "--port", "0", "--workers", workers)
    with started(tmp_path, *COMMAND, str(COUNTER), *options) as app:
        assert app.wait() == 2
        assert app.output().count("Error: --ssl-certfile") == 1
        assert "Traceback" not in app.output()
