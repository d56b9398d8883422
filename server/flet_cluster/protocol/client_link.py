"""The browser's end of the link in Python (layer 1: standard library and layer 0 only).

The reference for ``client/resume.js``, and the client of tests and load. Unlike a :class:`ServerLink` it
outlives its sockets: ``connected`` and ``disconnected`` say when there is one.

    OFFLINE --connected--> HANDSHAKE --welcome--> OPEN          any --reset--> ENDED
       ↑──────────disconnected─────┴───────────────┘
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import (
    Ack,
    Data,
    Datagram,
    Frame,
    Hello,
    Ping,
    Pong,
    Reset,
    Welcome,
    decode,
    encode,
)
from flet_cluster.protocol.limits import Limits
from flet_cluster.protocol.link import DatagramReceived, IllegalTransition


class ClientState(enum.StrEnum):
    """Where a client is."""

    OFFLINE = "offline"
    HANDSHAKE = "handshake"
    OPEN = "open"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The link is open. ``resumed`` False: the whole page comes next."""

    resumed: bool
    node: str


@dataclass(frozen=True, slots=True)
class PayloadReceived:
    """The next packet for the app, exactly once and in order."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class ResetReceived:
    """The session is lost; reload into a fresh one and tell the user."""

    reason: str


@dataclass(frozen=True, slots=True)
class PongReceived:
    """The node is there."""


ClientEvent: TypeAlias = Welcomed | PayloadReceived | DatagramReceived | ResetReceived | PongReceived


class ClientLink:
    """One page load's link, over any number of sockets.

    A method that raises :class:`~flet_cluster.errors.ProtocolError` wants the socket closed with its code,
    and then what :func:`~flet_cluster.protocol.close.action` says of that code.

    Args:
        instance: random id of this page load, 8 to 64 letters, digits, ``-`` and ``_``.
        token: token of an earlier page load of the same tab.
        limits: bounds of its own queue; the send window and frame size come with ``welcome``.

    Attributes:
        rx: highest output received; ``durable``: highest own input acknowledged; ``tx``: highest input
            accepted.
    """

    def __init__(self, instance: str, token: str | None = None, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.instance = instance
        self.token = token
        self.state = ClientState.OFFLINE
        self.rx = 0
        self.durable = 0
        self.tx = 0
        self._pending: deque[bytes] = deque()  # inputs durable + 1 .. tx
        self._pending_bytes = 0
        self._sent = 0  # highest input sent on this socket
        self._ever_sent = 0  # ... and on any
        self._in_flight = 0  # bytes of inputs durable + 1 .. _sent
        self._acked = 0  # highest output acknowledged to the node
        self._expected = 1  # the next output on this socket; not rx + 1 when the whole page comes instead
        self._max_frame = self._limits.max_frame
        self._window = (self._limits.max_unacked_frames, self._limits.max_unacked_bytes)
        self._control: list[str | bytes] = []

    @property
    def pending(self) -> int:
        """Inputs that no commit has acknowledged."""
        return len(self._pending)

    def connected(self) -> None:
        """Say hello over a new socket.

        Raises:
            IllegalTransition: there is one already, or the link has ended.
        """
        if self.state is not ClientState.OFFLINE:
            raise IllegalTransition(f"connected in state {self.state}")
        self.state = ClientState.HANDSHAKE
        self._control = [encode(Hello(self.token, self.instance, self.rx, self.durable, self._ever_sent))]

    def disconnected(self) -> None:
        """Forget the socket but keep everything unacknowledged. Raises nothing."""
        if self.state is not ClientState.ENDED:
            self.state = ClientState.OFFLINE
        self._control = []

    def send(self, payload: bytes) -> int:
        """Accept a packet of the app; it is sent when the window allows and kept until it is committed.

        Out: its number.

        Raises:
            IllegalTransition: the link has ended.
            ProtocolError: the packet is too big for a frame (TOO_BIG), or too much is waiting (FLOOD). In
                both cases it was not accepted and the link itself is unharmed; it must not get lost in
                silence.
        """
        if self.state is ClientState.ENDED:
            raise IllegalTransition("send after the end")
        if len(payload) + 9 > self._max_frame:
            raise ProtocolError(CloseCode.TOO_BIG, f"packet of {len(payload)} bytes in {self._max_frame}")
        lim = self._limits
        full = len(self._pending) >= lim.max_queue_frames
        if full or self._pending_bytes + len(payload) > lim.max_queue_bytes:
            raise ProtocolError(CloseCode.FLOOD, f"{len(self._pending)} packets wait for the node")
        self.tx += 1
        self._pending.append(payload)
        self._pending_bytes += len(payload)
        return self.tx

    def send_datagram(self, payload: bytes) -> bool:
        """Send a raw data channel packet if the link is open.

        Out: False if it was dropped. Raises nothing.
        """
        if self.state is ClientState.OPEN:
            self._control.append(encode(Datagram(payload)))
        return self.state is ClientState.OPEN

    def ping(self) -> None:
        """Ask for a sign of life; does nothing without a socket. Raises nothing."""
        if self.state in (ClientState.HANDSHAKE, ClientState.OPEN):
            self._control.append(encode(Ping()))

    def ack_due(self) -> bool:
        """Whether output was received that the node has not been told of: start the ack timer."""
        return self.state is ClientState.OPEN and self.rx > self._acked

    def receive(self, message: str | bytes) -> list[ClientEvent]:
        """Take one websocket message.

        Raises:
            ProtocolError: the node broke a rule, or forgot what it had acknowledged (ROLLBACK).
            IllegalTransition: there is no socket.
        """
        if self.state not in (ClientState.HANDSHAKE, ClientState.OPEN):
            raise IllegalTransition(f"receive in state {self.state}")
        return self._dispatch(_decode_from_node(message, self._limits))

    def _dispatch(self, frame: Frame) -> list[ClientEvent]:
        if isinstance(frame, Reset):
            self.state = ClientState.ENDED
            if frame.reason != CloseCode.UPGRADED.reason:
                self.token = None
            return [ResetReceived(frame.reason)]
        if isinstance(frame, Pong):
            return [PongReceived()]
        if isinstance(frame, Welcome) and self.state is ClientState.HANDSHAKE:
            return self._on_welcome(frame)
        if self.state is not ClientState.OPEN:
            raise ProtocolError(CloseCode.PROTOCOL, "the first frame must be welcome")
        if isinstance(frame, Data):
            self._forget(frame.ack)
            return self._on_data(frame)
        if isinstance(frame, Ack):
            self._forget(frame.seq)
            return []
        if isinstance(frame, Datagram):
            return [DatagramReceived(frame.payload)]
        raise ProtocolError(CloseCode.PROTOCOL, f"a node does not send {type(frame).__name__.lower()} now")

    def _on_welcome(self, frame: Welcome) -> list[ClientEvent]:
        if not self.durable <= frame.rx <= self.tx:
            raise ProtocolError(CloseCode.ROLLBACK, f"node has {frame.rx}, known {self.durable} to {self.tx}")
        if frame.resumed and frame.tx != self.rx:
            raise ProtocolError(CloseCode.GAP, f"node goes on after {frame.tx}, have {self.rx}")
        self.token = frame.token
        # A whole page that is announced is not here yet: if its node dies first, the next one must know what
        # this page has.
        self._expected = frame.tx + 1
        self._acked = self.rx
        self._sent, self._in_flight = frame.rx, 0
        self._drop_upto(frame.rx)
        self._max_frame = frame.max_frame
        self._window = (frame.max_unacked_frames, frame.max_unacked_bytes)
        self.state = ClientState.OPEN
        return [Welcomed(frame.resumed, frame.node)]

    def _on_data(self, frame: Data) -> list[ClientEvent]:
        if frame.seq < self._expected:
            return []
        if frame.seq > self._expected:
            raise ProtocolError(CloseCode.GAP, f"output {frame.seq} instead of {self._expected}")
        self.rx = frame.seq
        self._expected += 1
        return [PayloadReceived(frame.payload)]

    def _forget(self, upto: int) -> None:
        if upto > self._sent:
            raise ProtocolError(CloseCode.PROTOCOL, f"input {upto} acknowledged, {self._sent} sent")
        for payload in self._drop_upto(upto):
            self._in_flight -= len(payload)

    def _drop_upto(self, upto: int) -> list[bytes]:
        dropped = [self._pending.popleft() for _ in range(upto - self.durable)]
        self._pending_bytes -= sum(map(len, dropped))
        self.durable = max(self.durable, upto)
        return dropped

    def data_to_send(self, *, ack: bool = False) -> list[str | bytes]:
        """Take the messages to write now.

        In: ``ack``: the ack timer fired, so acknowledge even if nothing else is to be sent.

        Raises nothing.
        """
        out, self._control = self._control, []
        if self.state is not ClientState.OPEN:
            return out
        while self._may_send():
            payload = self._pending[self._sent - self.durable]
            self._sent += 1
            self._ever_sent = max(self._ever_sent, self._sent)
            self._in_flight += len(payload)
            self._acked = self.rx
            out.append(encode(Data(self._sent, self.rx, payload)))
        behind = self.rx - self._acked
        if behind >= self._limits.ack_every_frames or (ack and behind):
            self._acked = self.rx
            out.append(encode(Ack(self.rx)))
        return out

    def _may_send(self) -> bool:
        flying = self._sent - self.durable
        if flying >= len(self._pending) or flying >= self._window[0]:
            return False
        return flying == 0 or self._in_flight + len(self._pending[flying]) <= self._window[1]


def _decode_from_node(message: str | bytes, limits: Limits) -> Frame:
    """Decode without a bound on binary frames: a whole page may be large, and the node is no adversary."""
    unlimited = Limits(max_frame=max(len(message), 1), max_control=limits.max_control)
    return decode(message, unlimited)
