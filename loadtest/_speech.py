"""What goes over a user's sockets: the resumable link, or plain Flet. No sockets here, and no clock."""

from __future__ import annotations

import secrets
import struct
from typing import TYPE_CHECKING

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol.client_link import (
    ClientLink,
    ClientState,
    PayloadReceived,
    ResetReceived,
    Welcomed,
)
from flet_cluster.protocol.close import ClientAction, CloseCode, action
from flet_cluster.protocol.frames import KIND_DATA, SUBPROTOCOL
from loadtest._wire import Action, decode

if TYPE_CHECKING:
    from loadtest._page import Page
    from loadtest._report import Report

__all__ = ["SUBPROTOCOL", "Ended", "LinkSpeech", "PlainSpeech"]

_DATA = struct.Struct(">BII")
_SAID = frozenset({Action.PATCH_CONTROL, Action.INVOKE_METHOD})


class Ended(Exception):
    """The session is over, and was not meant to be."""


class PlainSpeech:
    """Plain Flet: nothing is numbered, and after every socket the page is registered and sent whole again.

    Args:
        page: what is fed.
        report: receives what went wrong.

    Attributes:
        said: how many answers have come, patches and calls.
        back: the page is there again after a new socket.
    """

    kind = "plain"
    exact = False
    """Whether one can know of each event if it arrived."""

    def __init__(self, page: Page, report: Report) -> None:
        self.said = 0
        self.back = False
        self._page = page
        self._report = report
        self._waiting: list[bytes] = []

    def opened(self) -> list[str | bytes]:
        """Return the first messages on a new socket."""
        self._waiting = []
        return [self._page.register()]

    def closed(self) -> None:
        """Forget the socket."""
        self.back = False
        self._waiting = []

    def send(self, packet: bytes) -> int:
        """Take a packet of the page; returns the number by which :meth:`answered` knows it."""
        self._waiting.append(packet)
        return self.said + 1

    def out(self, *, ack: bool = False) -> list[str | bytes]:
        """Return what is to be sent now."""
        del ack
        sent, self._waiting = self._waiting, []
        return [*sent]

    def take(self, message: str | bytes) -> None:
        """Take a message of the server.

        Raises:
            Ended: the session is another one than before.
        """
        if isinstance(message, str):
            return
        before = self._page.session_id
        for reply in self._page.feed(message):
            self.send(reply)
        if before is not None and before != self._page.session_id:
            raise Ended("the server gave another session")
        what = decode(message)
        if what is not None and what[0] == Action.REGISTER_CLIENT:
            self.back = True
        elif what is not None and what[0] in _SAID:
            self.said += 1

    def answered(self, number: int) -> bool:
        """Whether the page has changed since a packet was sent."""
        return self.said >= number

    def taken(self, number: int) -> bool:
        """Whether the server has taken a packet; plain Flet shows that by an answer only."""
        return self.answered(number)

    @property
    def pending(self) -> int:
        """What was sent and not acknowledged: nobody knows."""
        return 0

    @property
    def ack_due(self) -> bool:
        """Whether the server waits for a word."""
        return False

    @staticmethod
    def ping() -> list[str | bytes]:
        """Return what says that the page is still open."""
        return []

    @staticmethod
    def may_return(_code: int) -> bool:
        """Whether to connect again: Flet's own client always does."""
        return True


class LinkSpeech:
    """The resumable link: everything is numbered, and kept until it is acknowledged.

    Attributes:
        said: the highest of its own packets whose commit came together with something to show.
        back: the link is open, and what is on the page was kept.
    """

    kind = "link"
    exact = True

    def __init__(self, page: Page, report: Report) -> None:
        self.link = ClientLink(f"000001-{secrets.token_hex(8)}")
        self.said = 0
        self.back = False
        self._page = page
        self._report = report
        self.link.send(page.register())

    def opened(self) -> list[str | bytes]:
        """Return the first messages on a new socket."""
        self.link.connected()
        return self.link.data_to_send()

    def closed(self) -> None:
        """Forget the socket, and keep what is not acknowledged."""
        self.back = False
        self.link.disconnected()

    def send(self, packet: bytes) -> int:
        """Take a packet of the page; returns its number."""
        return self.link.send(packet)

    def out(self, *, ack: bool = False) -> list[str | bytes]:
        """Return what is to be sent now."""
        return self.link.data_to_send(ack=ack)

    def take(self, message: str | bytes) -> None:
        """Take a message of the node.

        Raises:
            Ended: the node has lost the session, or something that it had acknowledged.
            ProtocolError: the socket has to be closed; another one may help.
        """
        try:
            happened = self.link.receive(message)
        except ProtocolError as error:
            if error.code == CloseCode.ROLLBACK:
                self._report.fault("lost event", f"the node forgot what it had acknowledged: {error}")
                raise Ended(str(error)) from error
            self._report.note(self.kind, "frame lost on the way, repaired")
            raise
        if isinstance(message, bytes) and not happened and message[0] == KIND_DATA:
            self._report.note(self.kind, "frame doubled on the way, repaired")
        for event in happened:
            if isinstance(event, Welcomed):
                self.back = True
                if not event.resumed and self._page.registered:
                    self._report.note(self.kind, "page sent whole after a resume")
            elif isinstance(event, ResetReceived):
                raise Ended(f"reset: {event.reason}")
            elif isinstance(event, PayloadReceived):
                self._show(message, event.payload)

    def _show(self, message: str | bytes, payload: bytes) -> None:
        """Feed the page; note which of its own packets this answers."""
        for reply in self._page.feed(payload):
            self.link.send(reply)
        what = decode(payload)
        if what is not None and what[0] in _SAID and isinstance(message, bytes):
            self.said = max(self.said, _DATA.unpack_from(message)[2])

    def answered(self, number: int) -> bool:
        """Whether something to show came with the commit of a packet, or after it."""
        return self.said >= number

    def taken(self, number: int) -> bool:
        """Whether a packet is committed."""
        return self.link.durable >= number

    @property
    def pending(self) -> int:
        """How many packets are not acknowledged."""
        return self.link.pending

    @property
    def ack_due(self) -> bool:
        """Whether the node waits for a word."""
        return self.link.ack_due()

    def ping(self) -> list[str | bytes]:
        """Return what says that the page is still open."""
        if self.link.state is not ClientState.OPEN:
            return []
        self.link.ping()
        return self.link.data_to_send(ack=True)

    @staticmethod
    def may_return(code: int) -> bool:
        """Whether to connect again, by the close code."""
        return action(code) not in {ClientAction.STOP, ClientAction.RESET}
