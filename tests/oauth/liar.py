"""An identity provider that says whatever a test wants, over real HTTP, with real signatures."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from collections.abc import Iterator

WELL_KNOWN = "/.well-known/openid-configuration"
KEYS = [RSAKey.generate_key(2048, {"kid": name, "use": "sig"}) for name in ("first", "second")]


@dataclass
class Liar:
    """What it says.

    Attributes:
        issuer: its address.
        answers: by path: a body, or (status, headers, body).
        asked: how often each path was asked for.
        keys: what it publishes.
        hold: if set, no answer comes before it is set.
    """

    issuer: str
    answers: dict[str, Any] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    keys: list[RSAKey] = field(default_factory=lambda: KEYS[:1])
    hold: threading.Event | None = None

    def metadata(self, **changes: Any) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/me",
            "jwks_uri": f"{self.issuer}/keys",
            **changes,
        }

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "ada", "aud": "app", "iat": now, "exp": now + 60, "nonce": "n"}
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def sign(self, claims: dict[str, Any], key: RSAKey = KEYS[0], **header: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, claims, key)

    def say(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked[path] += 1
        answer = self.answers.get(path)
        if answer is None and path == WELL_KNOWN:
            answer = self.metadata()
        if answer is None and path == "/keys":
            answer = {"keys": [key.as_dict(private=False) for key in self.keys]}
        status, headers, body = answer if isinstance(answer, tuple) else (200, {}, answer)
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **headers}
        return status, headers, body


@contextlib.contextmanager
def liar() -> Iterator[Liar]:
    """Run one on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            if it.hold is not None:
                it.hold.wait(20)
            status, headers, body = it.say(urlsplit(self.path).path)
            with contextlib.suppress(OSError):  # nobody waits any more
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it = Liar(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield it
    finally:
        if it.hold is not None:
            it.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
