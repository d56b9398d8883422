"""``page.login`` in hosted sessions (layer 3: may import Flet).

Flet begins a sign-in, with :class:`flet_cluster.host.authorization.ClusterAuthorization` in place of its own;
the answer comes through the session's inbox. Flet fires ``on_login`` in a bare task, which would run sync
handlers on the loop and be lost with the node. Here that event is part of the session's state until its
handler has begun, and an input like others then.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import secrets
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flet.controls.page import LoginEvent, Page
from flet.controls.services.url_launcher import UrlLauncher
from flet.controls.types import PagePlatform

from flet_cluster.errors import SignInFailed
from flet_cluster.host.authorization import ClusterAuthorization

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flet.auth import Authorization

    from flet_cluster.host.live import LiveSession

logger = logging.getLogger("flet_cluster.host")

_EVENTS = frozenset({"login", "logout"})
NO_REASON = "The sign-in could not be completed"
"""The error of a sign-in whose failure has no text of its own."""
NO_BROWSER = (
    "Nobody can be signed in here: this app cannot tell which browser this is. Tell the app's operator: the "
    "cookies and the Origin of its websocket do not arrive."
)
"""What ``on_login`` gets at once if the answer could not be known to come from the browser that asked."""
MAX_PAGE = 1 << 18
"""Bytes of the page that an app wants to be shown after a sign-in: it is kept in the store until then."""
FRONT_SECONDS = 2.0
"""How long a client that is not a browser may take to come to the front."""
_WORDS = {
    "access_denied": "You, or the sign-in service, declined. You are not signed in.",
    "temporarily_unavailable": "The sign-in service is busy. Try again in a moment.",
    "server_error": "The sign-in service has a problem. Try again in a moment.",
    "invalid_scope": "The sign-in service does not give what this app asks for.",
    "login_required": "The sign-in service wants you to sign in there first.",
}
"""What to say where a provider gives a reason without words."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that the app has begun: to be remembered before its user may leave for the provider.

    Attributes:
        state: what the provider will bring back.
        page_html: what the callback shows; "" for the usual.
        page_url: where the callback leads; "" for nowhere.
        web: whether the client says that it is a browser.
        instead_of: state of the page's sign-in before, which is given up; "" for none.

    Raises:
        TypeError, ValueError: it could not be stored; so the handler that begins it hears of that.
    """

    state: str
    page_html: str = ""
    page_url: str = ""
    web: bool = True
    instead_of: str = ""

    def __post_init__(self) -> None:
        """Refuse what would stop the commit."""
        texts = {"state": self.state, "complete_page_html": self.page_html, "page's address": self.page_url}
        for name, text in texts.items():
            if not isinstance(text, str):
                raise TypeError(f"page.login: the {name} must be a string, and not {type(text).__name__}")
            try:
                size = len(text.encode())
            except UnicodeEncodeError as error:
                raise ValueError(f"page.login: the {name} cannot be sent as UTF-8: {error.reason}") from None
            if size > MAX_PAGE:
                raise ValueError(f"page.login: the {name} has {size} bytes; at most {MAX_PAGE} are kept")


@dataclass(slots=True, eq=False)
class OwnEvent:
    """An event that Flet itself fires, until its handler begins; travels with the session.

    Attributes:
        key: an idempotency key: the same on every node.
    """

    name: str
    event: Any
    key: str = field(default_factory=lambda: secrets.token_urlsafe(9))


async def finish(live: LiveSession, body: dict[str, Any]) -> None:
    """The user has come back from the provider: complete the sign-in, and tell the app what came of it.

    Args:
        live: the session that began it.
        body: ``state`` and ``code``, or ``error`` and perhaps ``error_description``; perhaps ``iss``.
    """
    page, auth = live.page, live.page.auth
    if auth is None or not body["state"] or getattr(auth, "state", None) != body["state"]:
        logger.info("session %s: a sign-in ended that the app has given up", live.id)
        return
    await _to_front(page)
    error, words = await _outcome(live, auth, body)
    if page.auth is not auth:
        logger.info("session %s: a sign-in ended that the app has given up meanwhile", live.id)
        return
    if isinstance(auth, ClusterAuthorization):
        auth.done()
    live.host.observer.count("signed_in", outcome="failed" if error else "done")
    tell(live, error, words)


def tell(live: LiveSession, error: str | None, words: str | None) -> None:
    """Let the app's ``on_login`` hear how a sign-in ended."""
    page = live.page
    event = LoginEvent(error=error, error_description=words, control=page, name="login")
    if page.on_login:
        live.inputs.own_event(OwnEvent("login", event))


async def _outcome(
    live: LiveSession, auth: Authorization, body: dict[str, Any]
) -> tuple[str | None, str | None]:
    """Return the error and its description; (None, None) if the user is signed in."""
    try:
        if isinstance(auth, ClusterAuthorization):
            await auth.check_answer(body.get("iss") or "")
        if body.get("error"):
            return body["error"], body.get("error_description") or _WORDS.get(body["error"])
        await auth.request_token(body["code"])
    except SignInFailed as error:
        logger.warning("session %s: a sign-in failed: %s", live.id, error.detail or error)
        return str(error), error.error or None
    except Exception as error:
        logger.warning("session %s: a sign-in failed: %s", live.id, type(error).__name__)
        logger.debug("of the app's own authorization", exc_info=True)
        return str(error) or NO_REASON, None
    return None, None


async def _to_front(page: Page) -> None:
    """Bring a client that is not a browser back to its user. One that does not react is signed in as well."""
    if page.web:
        return
    try:
        async with asyncio.timeout(FRONT_SECONDS):
            if page.platform in {PagePlatform.IOS, PagePlatform.ANDROID}:
                await UrlLauncher().close_in_app_web_view()  # type: ignore[no-untyped-call]
            else:
                await page.window.to_front()  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - whatever the client says
        logger.debug("a client could not be brought to the front: %s", error)


async def dispatch(live: LiveSession, own: OwnEvent) -> None:
    """Call the app's handler, as Flet's ``dispatch_event`` does for events of the client."""
    try:
        await _stock(live.page, own.name, None, own.event)
    except Exception as error:
        logger.exception("session %s: on_%s failed", live.id, own.name)
        live.session.error(f"{error}\n{traceback.format_exc()}")


_stock = Page._trigger_event  # noqa: SLF001 - Flet's own, listed in internals
_stock_login = Page.login
_signature = inspect.signature(_stock_login)


@functools.wraps(_stock_login)
async def _login(self: Page, *args: Any, **kwargs: Any) -> Authorization:
    """Begin a sign-in, as ``flet.Page.login``; with our flow, unless the app has its own."""
    live: LiveSession | None = getattr(self.session, "live", None)
    bound = _signature.bind(self, *args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    own = given["authorization"] is not None
    blind = live is not None and given["saved_token"] is None and self.web and not live.bound
    if live is None or (own and not blind and not getattr(given["provider"], "issuer", "")):
        stock: Authorization = await _stock_login(*bound.args, **bound.kwargs)
        return stock
    live.given_up = str(getattr(self.auth, "state", None) or "")
    fetch = {name: given[name] for name in ("fetch_user", "fetch_groups", "scope")}
    auth = ClusterAuthorization(live, given["provider"], **fetch)
    try:
        await _get_ready(auth, blind=blind)
    except SignInFailed as error:
        if given["saved_token"] is not None:  # the app waits for that, and hears of it there
            raise
        logger.warning("session %s: a sign-in cannot begin: %s", live.id, error.detail or error)
        tell(live, str(error), error.error or None)
        return auth
    if own:
        auth.fill_in()
    else:
        given["authorization"] = lambda *_args, **_kwargs: auth
    begun: Authorization = await _stock_login(*bound.args, **bound.kwargs)
    return begun


async def _get_ready(auth: ClusterAuthorization, *, blind: bool) -> None:
    """Let a sign-in begin, unless it is a browser's that could not be known again. Raises SignInFailed."""
    if blind:
        raise SignInFailed(NO_BROWSER, "its browser sent neither the app's cookie nor an Origin")
    await auth.prepare()


def install() -> None:
    """Let hosted sessions see the events that their page fires itself. Idempotent."""

    def _trigger_event(
        self: Page, event_name: str, event_data: Any, e: Any = None
    ) -> Coroutine[Any, Any, None]:
        """Dispatch an event to its handler; see ``flet.BaseControl._trigger_event``."""
        live = getattr(self.session, "live", None) if event_name in _EVENTS else None
        if live is None:
            return _stock(self, event_name, event_data, e)
        if e is None:  # the client has made it up: who is signed in is not for that to say
            logger.info("session %s: its client sent an event %s, which is dropped", live.id, event_name)
            return _nothing()
        live.inputs.own_event(OwnEvent(event_name, e))
        return _nothing()

    Page.login = _login  # type: ignore[method-assign,assignment]
    Page._trigger_event = _trigger_event  # type: ignore[method-assign,assignment]  # noqa: SLF001 - as above


async def _nothing() -> None:
    """Stand for a dispatch that the session does in its turn."""
