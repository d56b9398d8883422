"""A ready Flet provider for any OpenID issuer (layer 3: may import Flet; imports no authlib)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flet.auth import Group, OAuthProvider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flet.auth import User


class OpenIDProvider(OAuthProvider):
    """A provider of which only the issuer is known: its endpoints are looked up when a user signs in.

    For ``page.login(provider)`` in hosted apps. ID tokens are validated: issuer, audience, signature, nonce,
    time.

    Args:
        issuer: the provider's address, as it names itself: ``https://accounts.google.com``.
        client_id: what the app is called there.
        client_secret: None for a public client, which has none.
        redirect_url: the app's callback, as it is registered there: ``https://app.example/oauth_callback``.
        scopes: what to ask for besides ``openid``; ``offline_access`` for a refresh token, with most.
        user_scopes: what to ask for to know the user (``fetch_user=True``).
        group_scopes: what to ask for to know the user's groups (``fetch_groups=True``).
        groups_claim: where they are in what the provider says of the user.
        user_id_claim: what of it becomes ``user.id``.
        authorization_params: more for the provider's page, such as ``{"prompt": "login"}``.

    Raises:
        ValueError: the issuer or the callback is not an address.
    """

    def __init__(  # noqa: PLR0913 - options of a provider, by name
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None = None,
        redirect_url: str,
        scopes: Sequence[str] = (),
        user_scopes: Sequence[str] = ("profile", "email"),
        group_scopes: Sequence[str] = (),
        groups_claim: str = "groups",
        user_id_claim: str = "sub",
        authorization_params: Mapping[str, str] | None = None,
    ) -> None:
        for name, url in (("issuer", issuer), ("redirect_url", redirect_url)):
            if not url.startswith(("https://", "http://")):
                raise ValueError(f"OpenIDProvider({name}={url!r}): an address begins with https://")
        super().__init__(
            client_id=client_id,
            client_secret=client_secret or "",
            authorization_endpoint="",
            token_endpoint="",
            redirect_url=redirect_url,
            scopes=["openid", *(scope for scope in scopes if scope != "openid")],
            user_scopes=list(user_scopes),
            group_scopes=list(group_scopes),
            authorization_params=dict(authorization_params or {}),
        )
        self.issuer = issuer
        self.groups_claim = groups_claim
        self.user_id_claim = user_id_claim
        self.user_id_fn = self._user_id

    def _name(self) -> str:
        return self.issuer

    def _user_id(self, user: Mapping[str, Any]) -> str:
        return str(user[self.user_id_claim])

    def groups_in(self, user: User) -> list[Group]:
        """Return the groups that the provider says a user is in."""
        found = user.get(self.groups_claim) or []
        names = found if isinstance(found, list) else [found]
        return [
            Group(dict(name), str(name.get("name"))) if isinstance(name, dict) else Group({}, str(name))
            for name in names
        ]
