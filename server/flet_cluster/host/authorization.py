"""What ``page.auth`` is in hosted sessions (layer 3: may import Flet; authlib only when somebody signs in).

It takes the place of Flet's ``AuthorizationService``: same members, another flow underneath. It travels with
its session, tokens included, inside the sealed snapshot; and alone, when the app's code has changed: so it
does not refer to its page.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import time
import weakref
from typing import TYPE_CHECKING, Any

import msgpack
from flet.auth import Authorization, OAuthToken, User
from flet.controls.context import _context_page

from flet_cluster.errors import SignInFailed, StoreError
from flet_cluster.host.openid import OpenIDProvider
from flet_cluster.threads import SETUP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from flet.auth import OAuthProvider

    from flet_cluster.host.environment import HostEnvironment
    from flet_cluster.host.live import LiveSession
    from flet_cluster.oauth.provider import Client, Providers

_EARLY = 10.0
"""A token that has only so many seconds left is renewed: it would expire on its way."""
_PROTOCOL = frozenset({"iss", "aud", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "azp", "sid", "jti"})
"""Claims that are about the ID token, not about the user."""
_ELSEWHERE = "Your session has moved. Try again."
_UNREADABLE = "The saved sign-in cannot be read. Sign in again."
_OTHER_USER = "The sign-in service speaks of another user than the one who signed in. You are not signed in."
_NO_USER_ID = "user_id_fn must be specified too if user_endpoint is not None"


class ClusterAuthorization(Authorization):
    """See Flet's ``AuthorizationService``.

    Args:
        live: the session that it belongs to.
        provider: who signs users in, and what the app is to it.
        fetch_user: whether to ask the provider who the user is.
        fetch_groups: whether to ask for the user's groups too.
        scope: what to ask for besides what the provider needs for that.

    Attributes:
        user: who signed in; None before, and without ``fetch_user``.
        state: names the sign-in that is under way; "" when none is.
    """

    def __init__(
        self,
        live: LiveSession,
        provider: OAuthProvider,
        *,
        fetch_user: bool = True,
        fetch_groups: bool = False,
        scope: list[str] | None = None,
    ) -> None:
        wanted = [*(scope or ()), *provider.scopes]
        wanted += provider.user_scopes if fetch_user else ()
        wanted += provider.group_scopes if fetch_groups else ()
        self.fetch_user = fetch_user
        self.fetch_groups = fetch_groups
        self.scope = list(dict.fromkeys(wanted))
        self.provider = provider
        self.user: User | None = None
        self.state = ""
        self._verifier = ""
        self._nonce = ""
        self._token: OAuthToken | None = None
        self._subject = ""
        self._ready: Client | None = None
        self._home: weakref.ref[LiveSession] | None = weakref.ref(live)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what is looked up anew."""
        return {**self.__dict__, "_ready": None, "_home": None}

    @property
    def token(self) -> OAuthToken | None:
        """The token as it is, perhaps expired; :meth:`get_token` renews it."""
        return self._token

    # -- Flet's interface -------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Get ready for :meth:`get_authorization_data`, which cannot wait. Raises SignInFailed."""
        providers = await self._providers()
        self._ready = await providers.complete(self._client())

    @property
    def ready(self) -> Client:
        """What is known of the provider after :meth:`prepare`, or without it."""
        return self._ready or self._client()

    def fill_in(self) -> None:
        """Tell the provider its issuer's endpoints, for an authorization of the app's own: it looks there."""
        provider, ready = self.provider, self.ready
        provider.authorization_endpoint = provider.authorization_endpoint or ready.authorization_endpoint
        provider.token_endpoint = provider.token_endpoint or ready.token_endpoint
        provider.user_endpoint = provider.user_endpoint or ready.user_endpoint or None

    def get_authorization_data(self) -> tuple[str, str]:
        """Begin a sign-in; return where to send the user, and the state that the answer will bring back."""
        module = importlib.import_module("flet_cluster.oauth.provider")
        client = self.ready
        attempt = module.Attempt.new(openid=bool(client.issuer))
        self.state, self._verifier, self._nonce = attempt.state, attempt.verifier, attempt.nonce
        own = {
            "code_challenge": self.provider.code_challenge,
            "code_challenge_method": self.provider.code_challenge_method,
        }
        parameters = {name: value for name, value in own.items() if value} if own["code_challenge"] else {}
        parameters |= self.provider.authorization_params
        self._nonce = parameters.get("nonce", self._nonce)
        url = module.authorization_url(
            client, attempt, self.scope, parameters, challenged="code_challenge" in parameters
        )
        return url, self.state

    async def request_token(self, code: str) -> None:
        """Redeem the code that the user brought back, and learn who it is.

        Raises:
            SignInFailed: says why, for the user.
        """
        providers = await self._providers()
        client = await providers.complete(self._client())
        verifier = self.provider.code_verifier if self.provider.code_challenge else self._verifier
        secret = (code, self.state, str(verifier))  # a code alone gets nobody the result of another sign-in
        token = await self._once("code", secret, lambda: providers.redeem(client, code, verifier))
        claims = await providers.claims(client, token, nonce=self._nonce, required=True)
        user = await self._user_of(token["access_token"], claims)
        self._subject = str(claims.get("sub", ""))
        self._token, self.user = _flet_token(token), user

    async def dehydrate_token(self, saved_token: str) -> None:
        """Sign in with a token of an earlier sign-in.

        Raises:
            SignInFailed: it is not one, or does not count any more: let the user sign in again.
        """
        try:
            token = OAuthToken.from_json(saved_token)
        except (ValueError, TypeError, RecursionError) as error:
            raise SignInFailed(_UNREADABLE, f"not a saved token: {type(error).__name__}") from None
        if not isinstance(token.access_token, str):
            raise SignInFailed(_UNREADABLE, "not a saved token: no access_token")
        if not isinstance(token.refresh_token, str | None) or not isinstance(
            token.expires_at, int | float | None
        ):
            raise SignInFailed(
                _UNREADABLE, "not a saved token: refresh_token or expires_at is of a wrong type"
            )
        token, claims = await self._current(token)
        self._subject = str(claims.get("sub", ""))
        user = await self._user_of(token.access_token, claims)
        self._token, self.user = token, user

    async def get_token(self) -> OAuthToken | None:
        """Return the token, renewed if it has expired. None before the sign-in. From any thread's loop.

        Raises:
            SignInFailed: it cannot be renewed.
        """
        loop = self._live.host.loop
        if asyncio.get_running_loop() is not loop:  # a thread of the app's, with a loop of its own
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.get_token(), loop))
        held = self._token
        if held is not None:
            renewed, _ = await self._current(held)
            if renewed is not held and self._token is held:
                self._token = renewed
                self._live.changed()
        return self._token

    # -- the provider's answer --------------------------------------------------------------------

    async def check_answer(self, issuer: str) -> None:
        """See whether an answer came from the provider that was asked. Raises SignInFailed."""
        providers = await self._providers()
        await providers.check_answer(self._client(), issuer)

    def done(self) -> None:
        """The answer was taken: another with the same state is none."""
        self.state = self._verifier = self._nonce = ""

    # -- underneath -------------------------------------------------------------------------------

    @property
    def _live(self) -> LiveSession:
        """The session on this node. Found by the code that runs, since that is the session's."""
        live = self._home() if self._home is not None else None
        if live is None or live.gone:
            page: Any = _context_page.get()
            if page is None:
                raise RuntimeError("page.auth was asked outside of the handlers and threads of its page")
            live = page.session.live
            self._home = weakref.ref(live)
        return live

    async def _providers(self) -> Providers:
        return await providers_of(self._live.host)

    def _client(self) -> Client:
        return client_of(self.provider)

    async def _current(self, token: OAuthToken) -> tuple[OAuthToken, Mapping[str, Any]]:
        """Return the token, or what it was renewed to, and what an ID token says that came along."""
        if not token.expires_at or not token.refresh_token or time.time() < token.expires_at - _EARLY:
            return token, {}
        providers, old = await self._providers(), token.refresh_token
        client = await providers.complete(self._client())  # before anything is claimed
        renewed = await self._once("token", (old,), lambda: providers.renew(client, old))
        claims = await providers.claims(client, renewed, nonce="", required=False)
        if claims and self._subject and claims["sub"] != self._subject:
            raise SignInFailed(_OTHER_USER, "the renewed ID token is of another subject")
        return _flet_token(renewed), claims

    async def _once(
        self, kind: str, secret: tuple[str, ...], work: Callable[[], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        """Do what must not be done twice, if this node has the session for certain. Raises SignInFailed."""
        live = self._live
        try:
            here = await live.listener.holds()
        except StoreError as error:
            raise SignInFailed(
                "The sign-in cannot be completed at the moment. Try again.", str(error)
            ) from error
        if not here:
            raise SignInFailed(_ELSEWHERE, "another node has the session")
        client = self._client()
        name = msgpack.packb([client.client_id, client.issuer, client.token_endpoint, *secret])
        digest = hashlib.sha256(name).hexdigest()
        return await live.host.once(f"{kind}:{digest}", work)

    async def _user_of(self, access_token: str, claims: Mapping[str, Any]) -> User | None:
        """Ask the provider who the user is, and for the groups. Raises SignInFailed."""
        if not self.fetch_user:
            return None
        provider, providers = self.provider, await self._providers()
        client = await providers.complete(self._client())
        with self._told(client):
            async with asyncio.timeout(self._live.host.oauth_seconds):
                user = await provider._fetch_user(access_token)  # noqa: SLF001 - listed in internals
        if user is None and client.user_endpoint:
            found = await providers.user(client, access_token)
            if claims and found.get("sub") != claims["sub"]:
                raise SignInFailed(_OTHER_USER, f"{client.user_endpoint} tells of another subject")
            user = self._made(client, {**claims, **found})
        elif user is None and claims:
            user = self._made(client, claims)
        if self.fetch_groups and user is not None:
            with self._told(client):
                async with asyncio.timeout(self._live.host.oauth_seconds):
                    user.groups = await provider._fetch_groups(access_token)  # noqa: SLF001 - as above
            user.groups += provider.groups_in(user) if isinstance(provider, OpenIDProvider) else []
        return user

    def _made(self, client: Client, facts: Mapping[str, Any]) -> User:
        facts = {name: value for name, value in facts.items() if name not in _PROTOCOL}
        name = self.provider.user_id_fn or ((lambda user: user["sub"]) if client.issuer else None)
        if name is None:
            raise ValueError(_NO_USER_ID)
        with self._told(client):
            return User(facts, str(name(facts)))

    @contextlib.contextmanager
    def _told(self, client: Client) -> Iterator[None]:
        """Say in words what goes wrong in a provider's own code."""
        net = importlib.import_module("flet_cluster.oauth.net")
        try:
            yield
        except Exception as error:
            raise net.told(error, client.user_endpoint or type(self.provider).__name__) from error


def client_of(provider: OAuthProvider) -> Client:
    """Return what an app is to a provider. One of Flet's own with an ``issuer`` is an OpenID provider."""
    module = importlib.import_module("flet_cluster.oauth.provider")
    client: Client = module.Client(
        client_id=provider.client_id,
        client_secret=provider.client_secret or "",
        redirect_url=provider.redirect_url,
        authorization_endpoint=provider.authorization_endpoint or "",
        token_endpoint=provider.token_endpoint or "",
        user_endpoint=provider.user_endpoint or "",
        issuer=getattr(provider, "issuer", "") or "",
        in_body=not isinstance(provider, OpenIDProvider),
    )
    return client


async def providers_of(host: HostEnvironment) -> Providers:
    """Return what this process knows of providers; made off the loop when it is first needed."""
    if host.providers is None:
        made = await SETUP.run(_make, host.oauth_seconds)
        host.providers = host.providers or made
    found: Providers = host.providers
    return found


def _make(seconds: float) -> Providers:
    made: Providers = importlib.import_module("flet_cluster.oauth.provider").Providers(seconds)
    return made


def _flet_token(token: Mapping[str, Any]) -> OAuthToken:
    names = ("access_token", "scope", "token_type", "expires_in", "expires_at", "refresh_token")
    fields: dict[str, Any] = {name: token.get(name) for name in names}
    return OAuthToken(**fields)
