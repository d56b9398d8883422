"""Session tokens: what a client shows to come back (layer 3; imports no Flet).

A token names a session and is signed. A session that was opened by a browser is bound to an HttpOnly cookie,
of which the token holds a hash: a stolen token alone is useless. It is bound to neither address nor user
agent, so a changed network keeps the session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, Signer

from flet_cluster.errors import TokenRefused

if TYPE_CHECKING:
    from collections.abc import Sequence


def new_session_id() -> str:
    """Return an id nobody can guess: 128 random bits, safe in keys, URLs and on command lines."""
    while (made := secrets.token_urlsafe(16)).startswith("-"):  # operators' shells take it for an option
        pass
    return made


def new_cookie() -> str:
    """Return a fresh value for a browser's cookie."""
    return secrets.token_urlsafe(24)


def binding_of(cookie: str | None) -> str:
    """Return what a token holds of the cookie; "" for clients without one."""
    if not cookie:
        return ""
    digest = hashlib.sha256(cookie.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def binding_in(token: str) -> str:
    """Return the binding that a token names, without verifying it: for tokens this node holds already."""
    return token.partition("~")[2].partition("~")[0]


@dataclass(frozen=True, slots=True)
class Claim:
    """A verified token.

    Attributes:
        binding: hash of the cookie the session is bound to; "" for native clients.
        instance: the page load it was issued to; "" for plain clients.
        text: the token itself; it does not change while the session lives.
    """

    session_id: str
    binding: str
    instance: str
    text: str


class Tokens:
    """Signs and verifies tokens with a ring of keys, newest first."""

    def __init__(self, secret_keys: Sequence[str], app_name: str) -> None:
        newest_last = [key.encode() for key in reversed(secret_keys)]
        self._signer = Signer(
            newest_last, salt=f"flet-cluster.session.{app_name}", digest_method=hashlib.sha256
        )

    def issue(self, session_id: str, binding: str, instance: str) -> Claim:
        """Return the claim to a new session, with its token."""
        text = self._signer.sign(f"{session_id}~{binding}~{instance}").decode()
        return Claim(session_id, binding, instance, text)

    def verify(self, token: str, cookie: str | None) -> Claim:
        """Check a token and the cookie that came along.

        Raises:
            TokenRefused: the signature is wrong, or the token belongs to another browser.
        """
        try:
            session_id, binding, instance = self._signer.unsign(token).decode().split("~")
        except (BadSignature, ValueError) as error:
            raise TokenRefused("the token is not signed by this cluster") from error
        if binding and not hmac.compare_digest(binding, binding_of(cookie)):
            raise TokenRefused("the token belongs to another browser")
        return Claim(session_id, binding, instance, token)
