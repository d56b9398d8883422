"""The flow with one provider: where to send users, tokens for codes, new tokens for old (layer 2)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from authlib.oauth2.client import OAuth2Client

from flet_cluster.errors import SignInFailed
from flet_cluster.oauth import id_token, issuers
from flet_cluster.oauth.cache import Published
from flet_cluster.oauth.net import STRANGE, Net, place_of, printable, secure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from joserfc.jwk import Key

_WELL_KNOWN = "/.well-known/openid-configuration"
_LONGEST = 10**9
"""Seconds, about 30 years."""
_WRONG_ISSUER = (
    "The answer came from another sign-in service than the one that was asked. You are not signed in. Sign "
    "in again; if it stays so, tell the app's operator."
)


@dataclass(frozen=True, slots=True)
class Client:
    """An app as its provider knows it.

    Attributes:
        client_id: its name there.
        client_secret: "" for a public client.
        redirect_url: where the provider sends users back to.
        authorization_endpoint: where users go; "" for what the issuer publishes, like the next two.
        token_endpoint: where codes become tokens.
        user_endpoint: where a token becomes a user; "" for none.
        issuer: who makes ID tokens; "" for a provider of plain OAuth 2.0, which has none.
        in_body: whether the secret travels in the request's body, as Flet sends it; else as the issuer wants.
    """

    client_id: str
    client_secret: str = field(repr=False)
    redirect_url: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    user_endpoint: str = ""
    issuer: str = ""
    in_body: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in that is under way: what its provider gives back must fit.

    Attributes:
        state: names it.
        verifier: of PKCE: shows that who redeems the code is who asked for it.
        nonce: is to come back in the ID token; "" if none is expected.
    """

    state: str
    verifier: str
    nonce: str

    @classmethod
    def new(cls, *, openid: bool) -> Attempt:
        """Return one that nobody can guess."""
        return cls(
            secrets.token_urlsafe(24), secrets.token_urlsafe(48), secrets.token_urlsafe(24) if openid else ""
        )


class Providers:
    """All providers that this process has to do with, and what they publish.

    Args:
        seconds: what one request may take.
    """

    def __init__(self, seconds: float) -> None:
        self._net = Net(seconds)
        self._metadata = Published(self._discover)
        self._keys: Published[list[Key]] = Published(self._fetch_keys)

    async def complete(self, client: Client) -> Client:
        """Return the client with what its issuer publishes filled in. Raises SignInFailed."""
        if not client.issuer:
            return client
        metadata = await self._metadata.get(client.issuer)
        return replace(
            client,
            authorization_endpoint=client.authorization_endpoint or metadata["authorization_endpoint"],
            token_endpoint=client.token_endpoint or metadata["token_endpoint"],
            user_endpoint=client.user_endpoint or str(metadata.get("userinfo_endpoint") or ""),
        )

    async def check_answer(self, client: Client, issuer: str) -> None:
        """See whether the provider that answered is the one that was asked (RFC 9207).

        Args:
            client: the app at the provider that was asked.
            issuer: who says to have answered; "" if it does not say.

        Raises:
            SignInFailed: it is not, or it does not say so although it always does.
        """
        if not client.issuer:
            return
        metadata = await self._metadata.get(client.issuer)
        announced = metadata.get("authorization_response_iss_parameter_supported") is True
        published = metadata["issuer"]
        one = issuer == published or (issuers.HOLE in published and issuers.publishes(issuer, published))
        if not one and (issuer or announced):
            raise SignInFailed(
                _WRONG_ISSUER, f"asked {metadata['issuer']}, answered by {printable(issuer) or 'nobody'}"
            )

    async def redeem(self, client: Client, code: str, verifier: str | None) -> dict[str, Any]:
        """Return the token for a code, which can be used once. Raises SignInFailed."""
        client = await self.complete(client)
        proof = {"code_verifier": verifier} if verifier else {}
        async with self._net.client(client.token_endpoint, **await self._known_as(client)) as net:
            token = await net.fetch_token(
                client.token_endpoint,
                grant_type="authorization_code",
                code=code,
                redirect_uri=client.redirect_url,
                **proof,
            )
            return _checked(token, client)

    async def renew(self, client: Client, refresh_token: str) -> dict[str, Any]:
        """Return the token that follows one that has expired. Raises SignInFailed."""
        client = await self.complete(client)
        async with self._net.client(client.token_endpoint, **await self._known_as(client)) as net:
            token = await net.refresh_token(client.token_endpoint, refresh_token)
            return _checked(token, client)

    async def claims(
        self, client: Client, token: Mapping[str, Any], *, nonce: str, required: bool
    ) -> dict[str, Any]:
        """Return the claims of the ID token that came with a token; none for plain OAuth 2.0.

        Args:
            client: the app there.
            token: the provider's answer.
            nonce: see :func:`flet_cluster.oauth.id_token.verified`.
            required: whether it must have come: not with a token that was only renewed.

        Raises:
            SignInFailed: it is not to be believed, or is missing.
        """
        if not client.issuer:
            return {}
        raw = token.get("id_token")
        if raw is None and not required:
            return {}
        if not isinstance(raw, str):
            raise SignInFailed(STRANGE, f"{client.issuer} sends no ID token: is the scope openid asked for?")
        return await self._verified(client, raw, nonce, str(token["access_token"]))

    async def user(self, client: Client, access_token: str) -> dict[str, Any]:
        """Return what the provider's user endpoint says. Raises SignInFailed."""
        return await self._net.get_json(client.user_endpoint, bearer=access_token)

    async def _verified(self, client: Client, raw: str, nonce: str, access_token: str) -> dict[str, Any]:
        metadata = await self._metadata.get(client.issuer)
        address = metadata["jwks_uri"]
        keys = await self._keys.get(address)
        for last in (False, True):
            try:
                return id_token.verified(
                    raw,
                    keys,
                    issuer=metadata["issuer"],
                    client_id=client.client_id,
                    algorithms=metadata.get("id_token_signing_alg_values_supported") or ["RS256"],
                    nonce=nonce,
                    access_token=access_token,
                )
            except id_token.UnknownKey:
                if last:
                    raise
                keys = await self._keys.renewed(address, keys)
        raise AssertionError("unreachable")

    async def _discover(self, issuer: str) -> dict[str, Any]:
        """Fetch what an issuer publishes about itself."""
        metadata = await self._net.get_json(issuer.rstrip("/") + _WELL_KNOWN)
        if not issuers.publishes(issuer, metadata.get("issuer")):
            raise SignInFailed(
                _WRONG_ISSUER, f"{place_of(issuer)} calls itself {printable(metadata.get('issuer'))}"
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(metadata.get(name), str) or not secure(metadata[name]):
                raise SignInFailed(STRANGE, f"{place_of(issuer)} publishes no {name} that is safe")
        return metadata

    async def _fetch_keys(self, url: str) -> list[Key]:
        return id_token.read_keys(await self._net.get_json(url))

    async def _known_as(self, client: Client) -> dict[str, Any]:
        """Return how the app shows at the token endpoint who it is."""
        method = "none" if not client.client_secret else "client_secret_post"
        if client.client_secret and not client.in_body:
            offered = (await self._metadata.get(client.issuer)).get("token_endpoint_auth_methods_supported")
            method = method if method in (offered or []) else "client_secret_basic"
        return {
            "client_id": client.client_id,
            "client_secret": client.client_secret or None,
            "token_endpoint_auth_method": method,
        }


def authorization_url(
    client: Client, attempt: Attempt, scope: Sequence[str], parameters: Mapping[str, str], *, challenged: bool
) -> str:
    """Return where to send a user.

    Args:
        client: the app, complete.
        attempt: the sign-in.
        scope: what the app asks for.
        parameters: more of the provider's own.
        challenged: whether they have a code challenge already; else one by PKCE's S256 is added.
    """
    asked = dict(parameters)
    if attempt.nonce:
        asked.setdefault("nonce", attempt.nonce)
    oauth = OAuth2Client(
        None, client.client_id, redirect_uri=client.redirect_url, code_challenge_method="S256"
    )
    url, _ = oauth.create_authorization_url(
        client.authorization_endpoint,
        state=attempt.state,
        code_verifier=None if challenged else attempt.verifier,
        scope=" ".join(scope) or None,
        **asked,
    )
    return str(url)


def _checked(token: Any, client: Client) -> dict[str, Any]:
    """Return the fields of a token's answer that are used, of the right types; others are left out.

    Raises:
        SignInFailed: there is no access token.
    """
    names = ("access_token", "token_type", "refresh_token", "id_token")
    found: dict[str, Any] = {name: token[name] for name in names if _is_text(token.get(name))}
    if "access_token" not in found:
        raise SignInFailed(STRANGE, f"{place_of(client.token_endpoint)} gives no access token")
    seconds = found["expires_in"] = _lifetime(token.get("expires_in"))
    if seconds is not None:
        found["expires_at"] = time.time() + seconds
    scope = token.get("scope")
    scopes = scope.split() if isinstance(scope, str) else scope
    found["scope"] = [one for one in scopes if _is_text(one)] if isinstance(scopes, list) else None
    return found


def _is_text(value: Any) -> bool:
    """Whether it is a text that can be stored: providers can write half of a character in JSON."""
    return isinstance(value, str) and value != "" and not any("\ud800" <= char <= "\udfff" for char in value)


def _lifetime(seconds: Any) -> int | None:
    """Return how long a token is good, within reason; None if that is not said."""
    try:
        return min(max(int(seconds), 0), _LONGEST)
    except (TypeError, ValueError, OverflowError):
        return None
