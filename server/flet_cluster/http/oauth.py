"""Where identity providers send users back to (layer 4; imports no Flet).

Any node takes the answer and puts it into the inbox of the session that asked; whichever node holds that
finishes the sign-in. An answer counts once, for a while, and in the browser that asked. A client that is not
a browser sends its user to one that is not known here: there the user is asked, because a script can say that
it is such a client, and send somebody else there.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import html
import logging
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from flet_cluster.errors import (
    SessionDeleted,
    SessionExpired,
    SessionMissing,
    StoreError,
)
from flet_cluster.node.tokens import binding_of
from flet_cluster.transport.binding import cookies_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.types import Receive, Scope, Send

    from flet_cluster.node.node import Node
    from flet_cluster.node.sign_ins import Pending

logger = logging.getLogger("flet_cluster.http")

MAX_ANSWER = 16_384
"""Characters of what a provider may send back, each."""

TOO_LATE = "The sign-in took too long and has expired. Sign in again."
"""What the app's ``on_login`` gets for an answer that comes after its time."""

_SURE = "sure"
"""What a user brings along who was asked, and said yes."""
_QUESTION = (
    "A program asked for this sign-in: one that is not a browser, on this or on another device. Go on only "
    "if you have just begun it yourself, in that program. If somebody sent you here, close this page: that "
    "person would get into the app with your name."
)
_CLOSE = "window.close();"
_STYLE = "body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
{more}</body>
</html>
"""


def _source(text: str) -> str:
    """Name an inline script or style for a Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address holds the provider's code
    "X-Content-Type-Options": "nosniff",
}
_POLICY = (
    f"default-src 'none'; script-src {_source(_CLOSE)}; style-src {_source(_STYLE)}; frame-ancestors 'none'; "
    "base-uri 'none'"
)


class OAuthEndpoint:
    """The callback as an ASGI application.

    Args:
        node: returns the app's node, started if need be.
    """

    def __init__(self, node: Callable[[], Awaitable[Node]]) -> None:
        self._node = node

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await callback(Request(scope, receive), [await self._node()])
        await response(scope, receive, send)


class _Refused(Exception):
    """The answer is not taken: why, for the user and for the metrics."""

    def __init__(self, outcome: str, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.status = status


class _Unsure(Exception):
    """Only the user can know whether this is who asked; ``token`` shows that the user was asked."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token


async def callback(request: Request, nodes: Sequence[Node]) -> Response:
    """Take a provider's answer; return what its user gets to see.

    Only a GET counts: a preview that asks for the headers must not use the answer up.

    Args:
        request: the browser's, as the provider sent it here.
        nodes: those of the apps of this process of which one has asked; at least one.
    """
    if request.method != "GET":
        return PlainTextResponse("Method Not Allowed", 405, {"Allow": "GET"})
    observer = nodes[0].observer
    try:
        answer = _answer_in(request)
        pending = await _take(request, nodes, answer)
    except _Unsure as unsure:
        observer.count("sign_ins", outcome="asked")
        return _question(answer, unsure.token)
    except _Refused as refused:
        observer.count("sign_ins", outcome=refused.outcome)
        again = refused.outcome == "unavailable"
        then = "Load this page again in a moment." if again else "Go back to the app and sign in again."
        return page("Not signed in", f"{refused} {then}", refused.status)
    observer.count("sign_ins", outcome="denied" if answer["error"] else "answered")
    return _farewell(pending, denied=bool(answer["error"]))


def _answer_in(request: Request) -> dict[str, str]:
    """Return what the provider says. Raises _Refused."""
    names = ("state", "code", "error", "error_description", "iss")
    answer = {name: request.query_params.get(name, "") for name in names}
    if not answer["state"] or not (answer["code"] or answer["error"]):
        raise _Refused("incomplete", "The answer of the sign-in service is not complete.")
    if max(map(len, answer.values())) > MAX_ANSWER:
        raise _Refused("incomplete", "The answer of the sign-in service is too long.")
    return answer


async def _take(request: Request, nodes: Sequence[Node], answer: dict[str, str]) -> Pending:
    """Hand the answer to the session that waits for it. Raises _Refused, _Unsure."""
    try:
        for node in nodes:
            pending = await node.sign_ins.find(answer["state"])
            if pending is not None:
                break
        else:
            await _say_late(request, nodes, answer["state"])
            raise _Refused(
                "unknown", "This sign-in has expired, it was completed before, or another was begun."
            )
        _check_browser(request, pending)
        if not pending.binding and not answer["error"]:
            _check_user(request, node, answer)
        await _post(node, pending, answer)  # only then is it used up: this node may die at any time
        await node.sign_ins.close(answer["state"])
    except (SessionMissing, SessionExpired, SessionDeleted) as error:
        raise _Refused("session", "The page that asked for this sign-in is no longer there.") from error
    except StoreError as error:  # an inbox that is full, too
        logger.warning("a sign-in could not be completed: %s", error)
        raise _Refused("unavailable", "The sign-in cannot be completed at the moment.", 503) from error
    return pending


async def _say_late(request: Request, nodes: Sequence[Node], state: str) -> None:
    """Tell the app whose sign-in it was that its user took too long. Raises _Refused, StoreError."""
    for node in nodes:
        pending = await node.sign_ins.find_late(state)
        if pending is not None:
            _check_browser(request, pending)
            await _post(node, pending, {"state": state, "code": "", "error": TOO_LATE, "iss": ""})
            await node.sign_ins.close(state)
            raise _Refused("expired", "This sign-in has expired: it took too long.")


async def _post(node: Node, pending: Pending, answer: dict[str, str]) -> None:
    body = {name: value or None for name, value in answer.items()}
    await node.mail.post(pending.session_id, "oauth", body, key=f"oauth:{answer['state']}")


def _check_browser(request: Request, pending: Pending) -> None:
    """Make sure that the browser is the one that has the session. Native clients have none.

    Else somebody could be led to finish another one's sign-in, who would then be in with the wrong name.

    Raises:
        _Refused: it is another, or the app is open at another address than this.
    """
    if not pending.binding:
        return
    if any(hmac.compare_digest(pending.binding, binding_of(cookie)) for cookie in cookies_of(request)):
        return
    here = request.url.netloc
    logger.warning(
        "a sign-in was answered by another browser than the one that asked, or at another address: is the "
        "provider's redirect URL at the address that the app is opened at (here %s)?",
        here,
    )
    reason = f"This sign-in was begun in another browser, or the app is not open at {here}."
    raise _Refused("another-browser", reason, 403)


def _check_user(request: Request, node: Node, answer: dict[str, str]) -> None:
    """Make sure that the user was asked, with this very answer. Raises _Unsure.

    Whoever made up the address cannot have made the token: it takes our keys, and the code, which that
    person does not know.
    """
    name, told = f"oauth-sure:{answer['state']}", hashlib.sha256(answer["code"].encode()).digest()
    with contextlib.suppress(KeyError, ValueError):
        if node.vault.open_kept(name, base64.urlsafe_b64decode(request.query_params[_SURE])) == told:
            return
    raise _Unsure(base64.urlsafe_b64encode(node.vault.seal_kept(name, told)).decode())


def _question(answer: dict[str, str], token: str) -> Response:
    """Ask the user; a form for GET, since a route of the app's own may be for that only."""
    fields = {**{name: value for name, value in answer.items() if value}, _SURE: token}
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in fields.items()
    )
    form = f"<form>{inputs}<button>Yes, I have just begun it</button></form>\n"
    return page("Was it you?", _QUESTION, more=form)


def page(title: str, text: str, status: int = 200, *, close: bool = False, more: str = "") -> Response:
    """Return a small page for the user.

    Args:
        title: plain text.
        text: plain text.
        status: of the answer.
        close: whether it closes its window if it may.
        more: HTML below the text.
    """
    more += f"<script>{_CLOSE}</script>\n" if close else ""
    content = _PAGE.format(title=html.escape(title), text=html.escape(text), style=_STYLE, more=more)
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY}
    return HTMLResponse(content, status, {**headers, "Retry-After": "5"} if status == 503 else headers)  # noqa: PLR2004


def _farewell(pending: Pending, *, denied: bool) -> Response:
    """Lead the user back: to the app's page, by the app's own words, or by closing the window."""
    if pending.page_url:
        return RedirectResponse(pending.page_url, 303, _HEADERS)
    if pending.page_html:
        return HTMLResponse(pending.page_html, headers=_HEADERS)
    if denied:
        return page("Not signed in", "You can close this tab or window now.", close=True)
    return page("Welcome back", "You can close this tab or window now: the app goes on.", close=True)
