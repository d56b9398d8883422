"""What a browser gets for the right password: a signed cookie that lasts for some hours (layer 4)."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, URLSafeTimedSerializer

if TYPE_CHECKING:
    from collections.abc import Sequence

LIFETIME = 12 * 3600
"""How long a ticket is good, seconds: a working day."""
KEPT = 30 * 86400
"""How long a browser keeps it, seconds. One that is not good any more opens nothing, but tells that its
browser has been in: strangers who guess cannot keep its operator from signing in."""
SKEW = 300
"""How far the clocks of two nodes may be apart, seconds: the next request may come to another node."""


class Tickets:
    """Makes and reads tickets; those of one node are good on all nodes with the same keys and password.

    Args:
        keys: the cluster's secret keys, newest first.
        app_name: whose dashboard this is.
        password: the setting; with another one, no earlier ticket is good any more.
    """

    def __init__(self, keys: Sequence[str], app_name: str, password: str) -> None:
        purpose = hashlib.sha256(f"dashboard\n{app_name}\n{password}".encode()).hexdigest()
        self._serializer = URLSafeTimedSerializer(
            list(reversed(keys)),
            salt=purpose,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )

    def new(self) -> str:
        """Return a ticket that is good from now on."""
        ticket = self._serializer.dumps(secrets.token_urlsafe(9))
        return ticket if isinstance(ticket, str) else ticket.decode()

    def left(self, ticket: str | None) -> float:
        """Return for how many seconds a ticket is good; 0 if it is none, or was."""
        _, left = self._read(ticket)
        return max(0.0, min(left, LIFETIME)) if left <= LIFETIME + SKEW else 0.0

    def bearer(self, ticket: str | None) -> str:
        """Return what tells a ticket from others, even one that was good; "" if it never was, or long ago."""
        name, left = self._read(ticket)
        return name if LIFETIME - KEPT < left <= LIFETIME + SKEW else ""

    def _read(self, ticket: str | None) -> tuple[str, float]:
        """Return a ticket's name, and for how long it is good: below 0 if it was, minus infinity if never."""
        try:
            # Its own max_age refuses what another node's clock, a second ahead of ours, has made just now.
            name, made = self._serializer.loads(ticket or "", return_timestamp=True)
        except BadSignature:
            return "", float("-inf")
        return str(name), made.timestamp() + LIFETIME - time.time()


@dataclass(frozen=True, slots=True)
class TicketCookie:
    """The cookie that holds a ticket: for one dashboard, and for nobody but its own pages.

    Attributes:
        name: what it is called.
        path: where the dashboard is, as the browser sees it.
    """

    name: str
    path: str

    @classmethod
    def at(cls, app_name: str, path: str) -> TicketCookie:
        """Return the cookie of an app's dashboard below a path."""
        return cls(f"fc_dashboard_{hashlib.sha256(app_name.encode()).hexdigest()[:8]}", f"/{path.strip('/')}")

    def header(self, ticket: str, *, secure: bool) -> str:
        """Return the Set-Cookie value that gives a ticket to a browser; an empty one takes it away."""
        cookie: SimpleCookie = SimpleCookie()
        cookie[self.name] = ticket
        morsel = cookie[self.name]
        morsel["path"], morsel["httponly"], morsel["samesite"] = self.path, True, "Strict"
        morsel["secure"], morsel["max-age"] = secure, KEPT if ticket else 0
        return morsel.OutputString()
