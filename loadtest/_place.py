"""Where an app's socket is, and one websocket to it."""

from __future__ import annotations

import contextlib
import os
import re
import struct
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import requests
import websocket

if TYPE_CHECKING:
    from http.cookies import SimpleCookie

_ENDPOINT = re.compile(r"""webSocketEndpoint["']?\s*[=:]\s*["']([^"']+)["']""")
_SECONDS = 10.0


@cache
def socket_url(app: str) -> str:
    """Return the address of an app's socket, as its page names it.

    Args:
        app: address of the page, ``http://app.example/``.

    Raises:
        requests.RequestException: the page does not come.
    """
    url = app if urlsplit(app).path else app + "/"
    answer = requests.get(url, timeout=_SECONDS)
    answer.raise_for_status()
    # The last one counts, as in a browser: what the server has put in comes after the page's own default. It
    # is a path of the whole host, whatever the page's own is.
    named = _ENDPOINT.findall(answer.text) or ["ws"]
    return re.sub("^http", "ws", urljoin(answer.url, "/" + named[-1].strip("/")))


def brief(error: Exception) -> str:
    """Return the kind of an error and the beginning of what it says."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:300]}"


class Closed(Exception):
    """A websocket has ended.

    Attributes:
        code: the close code; 1006 when there was none.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"closed with {code} {reason}".strip())
        self.code = code


class Socket:
    """One websocket.

    Args:
        url: ``ws://…``.
        protocol: subprotocol to offer; servers that do not know it go on without.
        cookies: of this browser; what the server sets is added.

    Raises:
        Closed: it does not open.
    """

    def __init__(self, url: str, protocol: str | None, cookies: SimpleCookie) -> None:
        # One variable for both libraries: requests knows it by itself.
        ca = os.environ.get("REQUESTS_CA_BUNDLE")
        trusted = {"ca_certs": ca} if ca else None
        self._socket = websocket.WebSocket(sslopt=trusted, enable_multithread=True, skip_utf8_validation=True)
        # Not as the library's own option: that takes no answer without a subprotocol.
        offered = [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []
        shown = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
        try:
            self._socket.connect(url, header=offered, cookie=shown or None, timeout=_SECONDS)
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise Closed(1006, f"{url}: {brief(error)}") from None
        headers = self._socket.getheaders() or {}
        if "set-cookie" in headers:
            cookies.load(headers["set-cookie"])
        self.protocol: str | None = headers.get("sec-websocket-protocol")

    def send(self, message: str | bytes) -> None:
        """Send a message. Raises Closed."""
        try:
            if isinstance(message, str):
                self._socket.send(message)
            else:
                self._socket.send_binary(message)
        except (OSError, websocket.WebSocketException):
            raise Closed(1006) from None

    def receive(self, seconds: float) -> str | bytes | None:
        """Wait for a message; None when nothing came in time. Raises Closed."""
        try:
            self._socket.settimeout(seconds)
            kind, data = self._socket.recv_data()
        except websocket.WebSocketTimeoutException:
            return None
        except (OSError, websocket.WebSocketException, AttributeError):  # the latter when cut meanwhile
            raise Closed(1006) from None
        if kind == websocket.ABNF.OPCODE_CLOSE:
            code = struct.unpack("!H", data[:2])[0] if len(data) > 1 else 1005
            raise Closed(code, data[2:].decode(errors="replace"))
        return data.decode() if kind == websocket.ABNF.OPCODE_TEXT else bytes(data)

    def close(self, code: int = 1000) -> None:
        """Say goodbye, and do not wait for an answer."""
        with contextlib.suppress(OSError, websocket.WebSocketException):
            self._socket.send_close(code)
        self.cut()

    def cut(self) -> None:
        """Go as a network does: without a word."""
        self._socket.shutdown()
