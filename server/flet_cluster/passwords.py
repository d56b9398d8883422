"""The dashboard's password: what is too weak, how it is kept and compared (layer 0: standard library).

A setting holds the password itself, or a hash of it that :func:`hashed` makes. Nobody who reads the hash can
sign in with it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass

MAKE_A_KEY = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
"""The command that error messages give to somebody who needs a secret key."""

SHORTEST = 12
"""Characters that a password has at least: some 20 guesses a minute are let through, see the dashboard."""
_LONGEST = 1024
_FEWEST_DIFFERENT = 6
_COMMON = ("password", "passwort", "123456", "abcdef", "qwerty", "letmein", "changeme", "change-me", "secret")

_SCHEME = "scrypt"
_COST = 14
_MOST_COST = 18
_BLOCK = 8
_SALT_BYTES = 16
_KEY_BYTES = 32
_MEMORY = 1 << 29


@dataclass(frozen=True, slots=True)
class _Hash:
    """A hash, taken apart: ``scrypt:14:SALT:KEY``, the first number being the cost as a power of two."""

    cost: int
    salt: bytes
    key: bytes

    @classmethod
    def read(cls, text: str) -> _Hash:
        """Read what :func:`hashed` wrote. Raises ValueError: it is something else."""
        scheme, cost, salt, key = text.split(":")
        found = cls(int(cost), _decoded(salt), _decoded(key))
        right = scheme == _SCHEME and _COST <= found.cost <= _MOST_COST
        if not right or len(found.salt) < _SALT_BYTES or len(found.key) != _KEY_BYTES:
            raise ValueError(f"{scheme} with these parameters is not known")
        return found

    def of(self, password: str) -> bytes:
        """Return a password's key under this salt and cost. It takes some 50 ms: not on an event loop."""
        return hashlib.scrypt(
            password.encode(),
            salt=self.salt,
            n=1 << self.cost,
            r=_BLOCK,
            p=1,
            maxmem=_MEMORY,
            dklen=_KEY_BYTES,
        )


def hashed(password: str) -> str:
    """Return what may stand in the setting for a password; another text each time.

    Raises:
        ValueError: the password is too weak; the message says why.
    """
    trouble = weakness(password)
    if trouble:
        raise ValueError(trouble)
    empty = _Hash(_COST, secrets.token_bytes(_SALT_BYTES), b"")
    return f"{_SCHEME}:{_COST}:{_encoded(empty.salt)}:{_encoded(empty.of(password))}"


def matches(setting: str, attempt: str) -> bool:
    """Tell whether somebody knows the password; how long that takes tells nothing about it.

    Args:
        setting: the password, or what :func:`hashed` made of it.
        attempt: what somebody typed.
    """
    attempt = attempt[:_LONGEST]
    if is_hashed(setting):
        known = _Hash.read(setting)
        return hmac.compare_digest(known.key, known.of(attempt))
    return hmac.compare_digest(*(hashlib.sha256(text.encode()).digest() for text in (setting, attempt)))


def is_hashed(setting: str) -> bool:
    """Tell whether a setting means to be a hash."""
    return setting.startswith(f"{_SCHEME}:")


def weakness(setting: str) -> str:
    """Say what is wrong with a password, or with a hash; "" if nothing is."""
    if is_hashed(setting):
        try:
            _Hash.read(setting)
        except ValueError:
            return (
                "this is not a whole hash: make it with flet-cluster hash-password, and copy the whole line"
            )
        return ""
    if len(setting) < SHORTEST:
        return f"a password has at least {SHORTEST} characters"
    if len(setting) > _LONGEST:
        return f"a password has at most {_LONGEST} characters"
    if len(set(setting)) < _FEWEST_DIFFERENT or any(word in setting.lower() for word in _COMMON):
        return "this password is among the first that are guessed"
    return ""


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
