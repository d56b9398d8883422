"""Whether an ID token is genuine, for this app, of this sign-in and of today (layer 2; sans-IO)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    InvalidKeyIdError,
    JoseError,
    MissingClaimError,
    SecurityWarning,
)
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry, extract_compact

from flet_cluster.errors import SignInFailed
from flet_cluster.oauth import issuers
from flet_cluster.oauth.net import STRANGE, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from joserfc.jwk import Key

ALGORITHMS = frozenset(f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)) | {
    "EdDSA",
    "Ed25519",
}
"""Signatures with a key pair. Never "none", never one made with a secret that both sides know."""
LEEWAY = 120
"""Seconds by which the clocks of provider and node may differ."""
_CLOCKS = (
    "The clocks of the sign-in service and of this app differ too much, or the sign-in is too old. "
    "Try again; if it stays so, tell the app's operator."
)
_FALSE = "The answer of the sign-in service is not genuine, or not for this app. You are not signed in."


MOST_KEYS = 50
"""Keys of a provider that are looked at. A token that names none is tried with each, on the loop."""
_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class UnknownKey(SignInFailed):
    """None of the provider's keys has made the token: it may have new ones."""


def read_keys(published: Mapping[str, Any]) -> list[Key]:
    """Return the keys of a JWK set that can be used, of the first :data:`MOST_KEYS`.

    A provider may have others, of newer kinds.

    Raises:
        SignInFailed: it is no JWK set.
    """
    entries = published.get("keys")
    if not isinstance(entries, list):
        raise SignInFailed(_FALSE, "the provider's jwks_uri has no list of keys")
    return list(_usable(entries[:MOST_KEYS]))


def _usable(entries: Iterable[Any]) -> Iterable[Key]:
    for entry in entries:
        if isinstance(entry, dict) and entry.get("use") != "enc" and entry.get("kty") != "oct":
            try:
                yield import_key(entry)
            except (JoseError, ValueError, TypeError, KeyError):
                continue


def verified(  # noqa: PLR0913 - what a token is held against, by name
    token: str,
    keys: list[Key],
    *,
    issuer: str,
    client_id: str,
    algorithms: Iterable[str],
    nonce: str = "",
    access_token: str = "",
    now: int | None = None,
) -> dict[str, Any]:
    """Return the claims of an ID token.

    Args:
        token: as the provider's token endpoint gave it.
        keys: the provider's.
        issuer: who must have made it; see :mod:`flet_cluster.oauth.issuers` for one that stands for many.
        client_id: whom it must be for.
        algorithms: what the provider says that it signs with; only those of :data:`ALGORITHMS` count.
        nonce: must be in it, if not empty.
        access_token: what its ``at_hash`` must fit, if it has one.
        now: seconds since the epoch; by default the clock's.

    Raises:
        UnknownKey: look for the provider's new keys.
        SignInFailed: it is not to be believed.
    """
    try:
        read, key = _signed(token, keys, sorted(ALGORITHMS & set(algorithms)))
        maker = issuers.issuer_for(issuer, read.claims)
        if issuers.HOLE in issuer and not issuers.good_for(key.dict_value, maker, read.claims):
            raise SignInFailed(_FALSE, "the ID token is signed with the key of another tenant")
        parameters = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
        return _validated(CodeIDToken(read.claims, read.header, _options(maker, client_id), parameters), now)
    except InvalidKeyIdError as error:
        raise UnknownKey(
            STRANGE, f"the ID token is by none of the provider's keys: {printable(error)}"
        ) from error
    except BadSignatureError as error:  # new keys may have old names, or none
        raise UnknownKey(_FALSE, "the ID token's signature is by none of the provider's keys") from error
    except ExpiredTokenError as error:
        raise SignInFailed(_CLOCKS, "the ID token has expired: are the clocks right?") from error
    except (JoseError, ValueError, TypeError) as error:
        raise _not_believed(error) from error


def _options(issuer: str, client_id: str) -> dict[str, Any]:
    """Return what must be in a token for this app."""
    return {
        "iss": {"essential": True, "values": [issuer]},
        "aud": {"essential": True, "value": client_id},
        "sub": {"essential": True},
    }


def _validated(claims: Any, now: int | None) -> dict[str, Any]:
    """Return the claims if all of them are in order. Raises JoseError."""
    claims.validate(now=now, leeway=LEEWAY)
    if not isinstance(claims["sub"], str):
        raise InvalidClaimError("sub")
    return dict(claims)


def _not_believed(error: Exception) -> SignInFailed:
    """Return what to say of a token that is not to be believed."""
    claim = getattr(error, "claim", None)
    if isinstance(error, InvalidClaimError) and claim in {"iat", "nbf"}:
        return SignInFailed(_CLOCKS, f"the ID token is refused for its {claim!r}: are the clocks right?")
    if isinstance(error, MissingClaimError | InvalidClaimError):
        return SignInFailed(_FALSE, f"the ID token is refused for its {claim!r}")
    return SignInFailed(_FALSE, f"the ID token is refused: {type(error).__name__} {printable(error)}")


def _signed(token: str, keys: list[Key], algorithms: list[str]) -> tuple[jwt.Token, Key]:
    """Return what is signed, and by which key. A token that does not say so may be by any of them.

    Raises:
        SignInFailed, JoseError, ValueError, TypeError: it does not verify.
    """
    if not algorithms:
        raise SignInFailed(_FALSE, "the provider signs ID tokens with nothing that is safe")
    header = extract_compact(token.encode()).headers()
    if header.get("alg") not in algorithms:
        raise SignInFailed(_FALSE, f"the ID token is signed with {printable(header.get('alg'))}")
    registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
    failed: Exception = InvalidKeyIdError(
        f"no key fits {printable(header.get('kid')) or 'one without a name'}"
    )
    for key in _fitting(keys, header):
        try:
            return _decoded(token, key, registry), key
        except (JoseError, ValueError, TypeError) as error:
            failed = failed if isinstance(failed, BadSignatureError) else error
    raise failed


def _decoded(token: str, key: Key, registry: JWSRegistry) -> jwt.Token:
    """Verify the signature by one key."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # RFC 9864 renames EdDSA, which providers still say
        return jwt.decode(token, key, registry=registry)


def _fitting(keys: list[Key], header: Mapping[str, Any]) -> list[Key]:
    """Return the keys that may have made a token: those it names, else those that have no name."""
    kid = header.get("kid")
    named = [key for key in keys if key.kid == kid] if kid else keys
    wanted = named or [key for key in keys if not key.kid]
    return [key for key in wanted if key.key_type == _FAMILIES[header["alg"][:2]]]
