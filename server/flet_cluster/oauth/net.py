"""Requests to identity providers: bounded in time and size, errors that people can read (layer 2)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
from authlib.common.security import is_secure_transport
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from flet_cluster.errors import SignInFailed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

logger = logging.getLogger("flet_cluster.oauth")

MAX_ANSWER = 1 << 20
"""Bytes of one answer of a provider."""
_MAX_WORDS = 200
_FORM = "application/x-www-form-urlencoded"
DOWN = "The sign-in service does not answer. Try again in a moment."
SLOW = "The sign-in service takes too long to answer. Try again in a moment."
STRANGE = "The sign-in service answered in a way that cannot be understood. Try again later."
FORBIDDEN = (
    "The sign-in service does not let this app know who you are. Tell its operator: are the scopes right?"
)
BAD_CLIENT = (
    "The sign-in service does not know this app, or not by this secret. Tell its operator: are the client id "
    "and the client secret right?"
)
USED_UP = (
    "The sign-in service does not accept this sign-in any more: it was used or has expired. Sign in again."
)

_BY_CODE = {
    "invalid_client": BAD_CLIENT,
    "unauthorized_client": BAD_CLIENT,
    "incorrect_client_credentials": BAD_CLIENT,  # GitHub's word
    "invalid_grant": USED_UP,
    "bad_verification_code": USED_UP,  # GitHub's word
    "temporarily_unavailable": DOWN,
    "server_error": DOWN,
}
_BY_STATUS = {401: USED_UP, 403: FORBIDDEN, 429: DOWN}


class NotSafe(Exception):
    """An answer leads to where others can listen."""


class TooLong(Exception):
    """An answer is longer than it may be."""


@dataclass(slots=True)
class Net:
    """How this process speaks to providers.

    Args:
        seconds: what one request may take, from connecting to the last byte.

    Attributes:
        tls: certificates that are trusted, read once: that takes a while, so not on the loop.
    """

    seconds: float
    tls: ssl.SSLContext = field(default_factory=httpx2.create_ssl_context)

    @contextlib.asynccontextmanager
    async def client(self, url: str, **oauth: Any) -> AsyncIterator[AsyncOAuth2Client]:
        """Yield a client for one request to ``url``; what goes wrong in it is a SignInFailed.

        Args:
            url: where to; plain HTTP only on this machine.
            oauth: what authlib should know: ``client_id`` and so on.

        Raises:
            SignInFailed: says what, for the user; and for the log.
        """
        place = place_of(url)
        if not secure(url):
            raise SignInFailed(
                "The sign-in service is not reached safely. Tell the app's operator: its address must begin "
                "with https://",
                f"{place}: plain HTTP, or no address at all",
            )
        options = {"timeout": self.seconds, "verify": self.tls, "event_hooks": {"response": [_bounded]}}
        headers = {"User-Agent": "flet-cluster", "Accept-Encoding": "identity"}
        try:
            async with (
                asyncio.timeout(self.seconds),
                AsyncOAuth2Client(**oauth, **options, headers=headers, max_redirects=3) as client,
            ):
                client.register_compliance_hook("access_token_response", _as_json)
                client.register_compliance_hook("refresh_token_response", _as_json)
                yield client
        except SignInFailed:
            raise
        except Exception as error:
            raise told(error, place) from error

    async def get_json(self, url: str, *, bearer: str = "") -> dict[str, Any]:
        """Return the JSON object at a URL. Raises SignInFailed."""
        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        async with self.client(url) as client:
            answer = await client.request(
                "GET", url, withhold_token=True, headers=headers, follow_redirects=True
            )
            answer.raise_for_status()
            found = answer.json()
            if not isinstance(found, dict):
                raise TypeError("not a JSON object")
            return found


def told(error: Exception, place: str) -> SignInFailed:
    """Return what to say of anything that went wrong with a provider.

    Args:
        error: what was raised.
        place: whom it was asked, for the log.
    """
    if isinstance(error, SignInFailed):
        return error
    if isinstance(error, OAuthError):
        code, words = printable(error.error), printable(error.description)
        text = _BY_CODE.get(code) or f"The sign-in service declined ({words or code or 'no reason given'})."
        return SignInFailed(text, f"{place} says {code or '?'}: {words or '-'}", code)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        text = DOWN if status >= 500 else _BY_STATUS.get(status, STRANGE)  # noqa: PLR2004 - of HTTP
        return SignInFailed(text, f"{place} answers with status {status}")
    kinds = {cls.__name__ for cls in type(error).__mro__}  # of httpx and httpx2 alike: providers use either
    detail = f"{place}: {type(error).__name__}"
    logger.debug("%s", detail, exc_info=error)
    if isinstance(error, TimeoutError) or "TimeoutException" in kinds:
        return SignInFailed(SLOW, detail)
    if isinstance(error, OSError) or "TransportError" in kinds:
        return SignInFailed(DOWN, f"{detail} {printable(error)}")
    return SignInFailed(STRANGE, detail)


def printable(text: object) -> str:
    """Return words of a provider as they may be shown and logged: one line, not too long."""
    words = "".join(char if char.isprintable() else " " for char in str(text or ""))
    return words if len(words) <= _MAX_WORDS else f"{words[:_MAX_WORDS]}…"


def place_of(url: str) -> str:
    """Return scheme, host and path of a URL, for logs: a query may hold secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def secure(url: str) -> bool:
    """Whether nobody can listen: HTTPS, or this machine. Flet's own switch for developers counts as well."""
    return is_secure_transport(url) or bool(os.environ.get("OAUTHLIB_INSECURE_TRANSPORT"))


async def _bounded(response: httpx2.Response) -> None:
    """Read a body up to its limit, and follow only where nobody can listen. Raises TooLong, NotSafe."""
    if response.has_redirect_location and not secure(
        urljoin(str(response.url), response.headers["location"])
    ):
        raise NotSafe("it leads to plain HTTP")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TooLong("the answer is compressed, though nobody asked for that")
    response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > MAX_ANSWER:
                raise TooLong(f"more than {MAX_ANSWER} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _as_json(response: httpx2.Response) -> httpx2.Response:
    """Let authlib read the tokens of a provider that answers with a form, as some old ones do."""
    if response.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        return response
    fields: Mapping[str, str] = dict(parse_qsl(response.text))
    return httpx2.Response(response.status_code, content=json.dumps(fields), request=response.request)
