"""Close codes: one table, whose ranges *define* what the browser does (layer 1: standard library only).

====================  ==============  ======================================================================
range                 action          meaning
====================  ==============  ======================================================================
4100-4199             retry at once   nothing is wrong with the session; another node, or a new socket, helps
4200-4299             retry later     the cluster cannot serve the session just now; it is safe
4300-4399             reset           the session is lost: tell the user, reload into a fresh one (I6)
4400-4499             stop            going on would repeat the fault: close for good and say so
====================  ==============  ======================================================================

A browser decides by range only, so a newer node may add codes that an older page understands. The idea of
ranges that decide is Centrifugo's disconnect codes.
"""

from __future__ import annotations

import enum

NORMAL = 1000
"""What a socket is closed with by somebody who is done with it."""
CUT = 1006
"""What a socket that ended without a word is said to have been closed with."""
GOODBYE = frozenset({NORMAL, 1001})
"""What a client closes with whose page is closed or left."""
OURS = 4000
"""Codes from here on are an application's: of :class:`CloseCode`, and of nodes that know more of them."""


class ClientAction(enum.StrEnum):
    """What the browser does after a socket was closed."""

    RETRY_NOW = "retry-now"
    """Connect again after a small jitter; from the second failure in a row on with backoff."""
    RETRY_LATER = "retry-later"
    """Connect again after a pause, with exponential backoff and full jitter."""
    RESET = "reset"
    """Drop the token, tell the user and reload the page into a fresh session."""
    STOP = "stop"
    """Close the socket for the app too, say why, do not connect again."""


class CloseCode(enum.IntEnum):
    """Every code this package closes a socket with."""

    MOVED = 4100
    """The session went to another node (lost lease, handed over)."""
    DRAINING = 4101
    """The node is about to leave."""
    GAP = 4102
    """A number was skipped: something on the way lost a frame."""
    NO_PROGRESS = 4103
    """The holder took no input in time, or a relay stalled."""
    SUPERSEDED = 4104
    """The same page instance came back over a newer socket."""
    NO_ANSWER = 4105
    """Half-open: sent by the browser when a ping got no answer."""
    BUSY = 4106
    """Another node has the session and cannot let go of it now: it is to be found there."""

    STORE_UNAVAILABLE = 4200
    """The store has not answered for longer than the patience (I1)."""
    STORE_RECOVERING = 4201
    """The store lost data and is being refilled."""
    OVERLOADED = 4202
    """Too many sessions or restores on this node."""
    SLOW_READER = 4203
    """The browser does not read what it is sent (I7)."""
    NO_VERSION = 4204
    """No reachable node has the session's version of the app just now."""
    HANDSHAKE_TIMEOUT = 4205
    """No ``hello`` in time."""
    IDLE = 4206
    """Nothing heard from the browser, not even a ping."""
    NOT_REBUILT = 4207
    """Code of the app or the system failed while the session was rebuilt: it may work the next time."""

    EXPIRED = 4300
    """The session's deadline has passed."""
    OUTDATED = 4301
    """The app changed, and no node has the session's version any more."""
    SEAL = 4302
    """The record does not verify."""
    ROLLBACK = 4303
    """The record is older than what the browser knows to be durable."""
    MISSING = 4305
    """There is no such session."""
    DELETED = 4306
    """The session was closed for good."""
    LOST = 4307
    """The session could not travel and its node is gone."""
    REFUSED = 4308
    """The token is not signed with our keys, or this browser has not the cookie that it is bound to."""
    UPGRADED = 4309
    """The app changed: the page is loaded anew and the session begins anew, under the same token."""

    REPLACED = 4400
    """Another page instance took the session over."""
    PROTOCOL = 4401
    """A frame is malformed or comes at the wrong time."""
    TOO_BIG = 4402
    """A frame exceeds its limit (I7)."""
    FORBIDDEN = 4403
    """The browser may not come in at all."""
    FLOOD = 4404
    """More unacknowledged frames than allowed (I7)."""

    @property
    def reason(self) -> str:
        """The code's name on the wire, ``"expired"`` or ``"store-unavailable"``."""
        return self.name.lower().replace("_", "-")


_RANGES = {
    41: ClientAction.RETRY_NOW,
    42: ClientAction.RETRY_LATER,
    43: ClientAction.RESET,
    44: ClientAction.STOP,
}

# A node always says "stop" with a code of its own. What is left here are proxies, servers shutting down and
# networks.
_STANDARD = {
    NORMAL: ClientAction.RETRY_NOW,  # some proxies close idle sockets "normally"
    1001: ClientAction.RETRY_NOW,  # the server goes away
    1002: ClientAction.STOP,  # websocket protocol error: the next attempt would repeat it
    1003: ClientAction.STOP,
    1005: ClientAction.RETRY_NOW,  # closed without a code
    CUT: ClientAction.RETRY_NOW,
    1007: ClientAction.STOP,
    1008: ClientAction.STOP,  # policy: origin or authorisation
    1009: ClientAction.STOP,  # message too big: resending repeats it
    1010: ClientAction.STOP,
    1011: ClientAction.RETRY_LATER,  # the server failed
    1012: ClientAction.RETRY_NOW,  # the service restarts: another node is there
    1013: ClientAction.RETRY_LATER,  # try again later
    1014: ClientAction.RETRY_LATER,  # bad gateway
    1015: ClientAction.RETRY_LATER,  # TLS
}


def action(code: int) -> ClientAction:
    """Say what the browser does after ``code``.

    Out: the action of the private range, of the standard code, or RETRY_LATER for anything unknown: the
    session is presumably still there, and backing off is harmless. Raises nothing.
    """
    return _RANGES.get(code // 100) or _STANDARD.get(code, ClientAction.RETRY_LATER)


def reset_code(reason: str) -> CloseCode:
    """Find the close code for a reset with this reason (``"expired"`` → 4300).

    Raises:
        ValueError: no reset has that reason.
    """
    for code in CloseCode:
        if code.reason == reason and action(code) is ClientAction.RESET:
            return code
    known = ", ".join(c.reason for c in CloseCode if action(c) is ClientAction.RESET)
    raise ValueError(f"{reason!r} is not a reason for a reset; use one of {known}")
