"""What a websocket's opening request says, and whether it may come in (layer 3; imports no Flet).

The rules: a browser names its page's origin, and it must be the host it talks to or an allowed one; anything
else gets 403 before the upgrade. Native clients send no Origin and are let in: they have no cookies to abuse.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flet_cluster.host.connection import ClientInfo
from flet_cluster.node.tokens import new_cookie

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.websockets import WebSocket

    from flet_cluster.transport.binding import BrowserCookie

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def origin_allowed(origin: str | None, host: str, scheme: str, allowed: Sequence[str]) -> bool:
    """Decide whether a handshake may come from ``origin``.

    Args:
        origin: the Origin header; None for native clients.
        host: the Host header.
        scheme: of the socket's URL, ``ws`` or ``wss``.
        allowed: origins or hosts besides the own; ``*`` for all.
    """
    if origin is None or "*" in allowed:
        return True
    there = _place(origin)
    if there is None:
        return False
    same = there.host_port == _host_port(host, there.scheme if there.scheme in DEFAULT_PORTS else scheme)
    # Whoever can change what plain HTTP brings must not get into the app over HTTPS. Not the other way round:
    # behind a proxy that takes TLS off and does not say so, the socket of a page over HTTPS looks plain.
    if same and not (there.scheme == "http" and scheme == "wss"):
        return True
    return any(_matches(entry, there) for entry in allowed)


@dataclass(frozen=True, slots=True)
class _Origin:
    """An origin in the one form in which equal ones are equal."""

    scheme: str
    host_port: tuple[str, int | None]


def _place(origin: str) -> _Origin | None:
    """Read an origin; None when it is none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return _Origin(parts.scheme, _host_port(parts.netloc, parts.scheme)) if parts.hostname else None


def _matches(entry: str, there: _Origin) -> bool:
    """Compare with an allowed origin (``https://a.example``) or host (``a.example:8000``)."""
    if "://" in entry:
        return _place(entry) == there
    return _host_port(entry, there.scheme) == there.host_port


def _host_port(netloc: str, scheme: str) -> tuple[str, int | None]:
    """Return the host, an address in its shortest form, and the port, also when it goes without saying."""
    try:
        parts = urlsplit(f"//{netloc}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return netloc.lower(), None
    with contextlib.suppress(ValueError):  # a name
        host = ip_address(host).compressed
    return host, port or DEFAULT_PORTS.get(scheme)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who opened a socket.

    Attributes:
        cookie: the browser's binding cookie; None for native clients.
        fresh_cookie: whether the browser has to be given it.
    """

    client: ClientInfo
    cookie: str | None
    fresh_cookie: bool
    secure: bool
    binding: BrowserCookie

    def facts(self) -> dict[str, Any]:
        """Return what another node must know to serve this visitor, in plain types."""
        return {
            "client": asdict(self.client),
            "cookie": self.cookie,
            "secure": self.secure,
            "binding": asdict(self.binding),
        }

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return headers for the answer to the handshake."""
        if not self.fresh_cookie or self.cookie is None:
            return []
        return [(b"set-cookie", self.binding.header(self.cookie, secure=self.secure).encode())]


def visitor_of(websocket: WebSocket, binding: BrowserCookie) -> Visitor:
    """Read the handshake of an app with this cookie."""
    url = websocket.url
    client = ClientInfo(
        url=f"{url.scheme}://{url.netloc}{binding.app_path.rstrip('/')}",
        name=binding.app_path.strip("/"),
        ip=websocket.client.host if websocket.client else "",
        user_agent=websocket.headers.get("user-agent", ""),
    )
    cookie = binding.value(websocket)
    fresh = cookie is None and "origin" in websocket.headers
    return Visitor(client, new_cookie() if fresh else cookie, fresh, url.scheme == "wss", binding)
