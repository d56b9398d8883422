"""Who may open a socket."""

from __future__ import annotations

import pytest

from flet_cluster.transport.handshake import origin_allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "app.example", ()),  # native clients send none
        ("https://app.example", "app.example", ()),
        ("https://app.example:443", "app.example", ()),
        ("http://localhost:8000", "localhost:8000", ()),
        ("http://LOCALHOST:8000", "localhost:8000", ()),
        ("http://[::1]:8000", "[::1]:8000", ()),
        ("https://other.example", "app.example", ("https://other.example",)),
        ("https://other.example", "app.example", ("other.example",)),
        ("https://other.example:8443", "app.example", ("other.example:8443",)),
        ("https://any.example", "app.example", ("*",)),
        ("https://other.example", "app.example", ("https://other.example:443",)),
        ("https://other.example:443", "app.example", ("https://other.example",)),
        ("https://other.example", "app.example", ("HTTPS://Other.Example/",)),
        ("http://[::1]:8000", "app.example", ("http://[0:0:0:0:0:0:0:1]:8000",)),
        ("http://[0:0:0:0:0:0:0:1]:8000", "[::1]:8000", ()),
        ("http://[::1]:8000", "app.example", ("[0:0:0:0:0:0:0:1]:8000",)),
    ],
)
def test_allowed(origin: str | None, host: str, allowed: tuple[str, ...]) -> None:
    assert origin_allowed(origin, host, "ws", allowed)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://evil.example", "app.example", ()),
        ("https://app.example.evil.example", "app.example", ()),
        ("http://localhost:8001", "localhost:8000", ()),
        ("null", "app.example", ()),
        ("", "app.example", ()),
        ("https://app.example:99999999", "app.example", ()),
        ("https://other.example:8443", "app.example", ("other.example",)),
        ("http://other.example", "app.example", ("https://other.example",)),
        ("http://other.example:443", "app.example", ("https://other.example",)),
        ("https://other.example:444", "app.example", ("https://other.example",)),
        ("https://other.example", "app.example", ("https://other.example:99999999",)),
        ("https://other.example", "app.example", ("https://[other.example",)),
        ("https://[other.example", "app.example", ("https://[other.example",)),
    ],
)
def test_refused(origin: str, host: str, allowed: tuple[str, ...]) -> None:
    assert not origin_allowed(origin, host, "ws", allowed)


@pytest.mark.parametrize("host", ["app.example", "app.example:80", "app.example:8443"])
def test_a_page_over_plain_http_does_not_get_into_an_app_over_https(host: str) -> None:
    assert not origin_allowed(f"http://{host}", host, "wss", ())
    assert origin_allowed(f"https://{host}", host, "wss", ())
    assert origin_allowed(f"http://{host}", host, "wss", (f"http://{host}",)), "unless that is wanted"


@pytest.mark.parametrize("host", ["app.example", "app.example:8443"])
def test_a_proxy_may_take_tls_off_without_saying_so(host: str) -> None:
    assert origin_allowed(f"https://{host}", host, "ws", ())
