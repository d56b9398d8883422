"""The node's end of one socket (layer 1: standard library and layer 0 only).

A :class:`ServerLink` lives as long as one websocket. It knows nothing of sessions, stores or commits: its
owner decides when a commit is done and calls :meth:`ServerLink.release` and :meth:`ServerLink.acknowledge`
then. Feed messages in with ``receive``, take messages out with ``data_to_send`` (verbs as in the websockets
library).

    HANDSHAKE --welcome--> OPEN --close, reset, error--> CLOSED
        └──────────────close, reset, error──────────────────┘
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol.close import CloseCode, reset_code
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

if TYPE_CHECKING:
    from collections.abc import Sequence


class LinkState(enum.StrEnum):
    """Where a link is in its life."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    CLOSED = "closed"


class IllegalTransition(RuntimeError):
    """The owner of a link called something its state does not allow. A bug, not a fault of the peer."""


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """The browser introduced itself; answer with ``welcome``, ``reset`` or ``close``."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class InputReceived:
    """The next packet from the browser, exactly once and in order on this link."""

    seq: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The browser has all output up to ``seq``: tell the outbox."""

    seq: int


@dataclass(frozen=True, slots=True)
class DatagramReceived:
    """A packet of a raw data channel: not numbered, may have got lost."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class PingReceived:
    """The browser asked for a sign of life; the pong is already queued."""


Event: TypeAlias = HelloReceived | InputReceived | Acknowledged | DatagramReceived | PingReceived


class ServerLink:
    """One socket's link, seen from the node.

    A method that raises :class:`~flet_cluster.errors.ProtocolError` has closed the link; the owner flushes
    ``data_to_send()`` and closes the socket with ``close_code`` and ``close_reason``.

    Args:
        limits: bounds to enforce; the browser is told its share.

    Attributes:
        state: see the module.
        hello: the browser's hello, once it came.
        received: number of the last input handed out (or skipped by ``welcome.rx``).
        acknowledged: number of the last input acknowledged as committed.
        sent: number of the last output frame queued.
        seen: highest output frame the browser has acknowledged on this link.
        close_code: why the link closed; None while it is not closed.
        close_reason: the same as text for the close frame.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.state = LinkState.HANDSHAKE
        self.hello: Hello | None = None
        self.received = 0
        self.acknowledged = 0
        self.sent = 0
        self.seen = 0
        self.close_code: CloseCode | None = None
        self.close_reason = ""
        self._queue: list[Frame] = []
        self._queued_bytes = 0
        self._unacked_sizes: list[int] = []
        self._unacked_bytes = 0
        self._ack_due = False
        self._pong_due = False

    # -- in

    def receive(self, message: str | bytes) -> list[Event]:
        """Take one websocket message.

        Out: what it means; empty for repeats, and on a closed link (it may have crossed our close).

        Raises:
            ProtocolError: the browser broke a rule; the link is closed.
        """
        if self.state is LinkState.CLOSED:
            return []
        try:
            return self._dispatch(decode(message, self._limits))
        except ProtocolError as error:
            self.close(CloseCode(error.code), error.reason)
            raise

    def _dispatch(self, frame: Frame) -> list[Event]:
        if isinstance(frame, Hello):
            return self._on_hello(frame)
        if self.hello is None:
            raise ProtocolError(CloseCode.PROTOCOL, "the first frame must be hello")
        if isinstance(frame, Ping):
            self._pong_due = True
            return [PingReceived()]
        if self.state is not LinkState.OPEN:
            raise ProtocolError(CloseCode.PROTOCOL, "nothing but ping may come before welcome")
        if isinstance(frame, Data):
            return self._on_ack(frame.ack) + self._on_data(frame)
        if isinstance(frame, Ack):
            return self._on_ack(frame.seq)
        if isinstance(frame, Datagram):
            return [DatagramReceived(frame.payload)]
        raise ProtocolError(CloseCode.PROTOCOL, f"a browser does not send {type(frame).__name__.lower()}")

    def _on_hello(self, hello: Hello) -> list[Event]:
        if self.hello is not None:
            raise ProtocolError(CloseCode.PROTOCOL, "second hello")
        self.hello = hello
        return [HelloReceived(hello)]

    def _on_data(self, frame: Data) -> list[Event]:
        if frame.seq <= self.received:
            return []
        if frame.seq > self.received + 1:
            raise ProtocolError(CloseCode.GAP, f"input {frame.seq} after {self.received}")
        size = len(frame.payload)
        full = len(self._unacked_sizes) >= self._limits.max_unacked_frames
        too_much = self._unacked_bytes + size > self._limits.max_unacked_bytes and self._unacked_sizes
        if full or too_much:
            raise ProtocolError(CloseCode.FLOOD, f"{len(self._unacked_sizes)} inputs not acknowledged yet")
        self._unacked_sizes.append(size)
        self._unacked_bytes += size
        self.received = frame.seq
        return [InputReceived(frame.seq, frame.payload)]

    def _on_ack(self, seq: int) -> list[Event]:
        if seq > self.sent:
            raise ProtocolError(CloseCode.PROTOCOL, f"output {seq} acknowledged, {self.sent} sent")
        if seq <= self.seen:
            return []
        self.seen = seq
        return [Acknowledged(seq)]

    # -- out

    def welcome(  # noqa: PLR0913 - the fields of one frame, by name
        self,
        token: str,
        node: str,
        rx: int,
        *,
        resumed: bool,
        replay: Sequence[tuple[int, bytes]] = (),
        tx: int | None = None,
    ) -> None:
        """Open the link.

        In:
            token: the session's token.
            node: this node's id.
            rx: inputs committed as started.
            resumed: True when output goes on after ``hello.rx``; False when it starts anew with the
                whole page (new instance, trimmed tail, new generation).
            replay: committed output to send first, from ``Outbox.replay(hello.rx)``.
            tx: number before the first output frame on this socket. Needed for ``resumed=False`` when the
                numbers do not start at 1 and ``replay`` is empty: after a trim, give ``outbox.tx``.

        Raises:
            IllegalTransition: no hello yet, or the link is open or closed.
            ValueError: ``replay`` does not follow on.
        """
        hello = self.hello
        if self.state is not LinkState.HANDSHAKE or hello is None:
            raise IllegalTransition(f"welcome on a link in state {self.state}, hello: {hello is not None}")
        start = hello.rx if resumed else self._start(replay, tx)
        if resumed and tx not in (None, start):
            raise ValueError(f"resumed output follows hello.rx ({start}), not {tx}")
        self.received = self.acknowledged = rx
        self.sent = self.seen = start
        lim = self._limits
        sizes = (lim.max_frame, lim.max_unacked_frames, lim.max_unacked_bytes)
        self._queue.append(Welcome(token, node, rx, resumed, start, *sizes))
        self.state = LinkState.OPEN
        self._enqueue(replay)

    @staticmethod
    def _start(replay: Sequence[tuple[int, bytes]], tx: int | None) -> int:
        if tx is not None:
            return tx
        return replay[0][0] - 1 if replay else 0

    def release(self, frames: Sequence[tuple[int, bytes]]) -> None:
        """Send output whose commit is done. Numbers already sent on this link are skipped.

        Raises:
            IllegalTransition: the link is not open.
            ValueError: a number is missing; the owner lost a frame.
            ProtocolError: the browser does not read (SLOW_READER); the link is closed.
        """
        self._require_open("release")
        lim = self._limits
        congested = len(self._queue) > lim.max_tail_frames or self._queued_bytes > lim.max_tail_bytes
        if frames and congested:
            waiting = f"{len(self._queue)} frames, {self._queued_bytes} bytes wait to be sent"
            self.close(CloseCode.SLOW_READER, waiting)
            raise ProtocolError(CloseCode.SLOW_READER, waiting)
        self._enqueue(frames)

    def send_datagram(self, payload: bytes) -> bool:
        """Send a raw data channel packet if the link is open and not congested; it may be lost anyway.

        Out: False if it was dropped. Raises nothing.
        """
        if self.state is not LinkState.OPEN or self._queued_bytes > self._limits.max_tail_bytes:
            return False
        self._queue.append(Datagram(payload))
        self._queued_bytes += len(payload)
        return True

    def acknowledge(self, rx: int) -> None:
        """Tell the browser that inputs up to ``rx`` are committed: on the next data frame, or alone.

        Older numbers change nothing.

        Raises:
            IllegalTransition: the link is not open.
            ValueError: that input has not come over this link.
        """
        self._require_open("acknowledge")
        if rx > self.received:
            raise ValueError(f"input {rx} cannot be acknowledged: {self.received} received")
        done = max(0, rx - self.acknowledged)
        if done:
            self._unacked_bytes -= sum(self._unacked_sizes[:done])
            del self._unacked_sizes[:done]
            self._ack_due = True
        self.acknowledged = max(self.acknowledged, rx)

    def reset(self, reason: str) -> None:
        """Tell the browser that its session is lost, and close.

        In: ``reason`` is the name of a code of the reset range, ``CloseCode.EXPIRED.reason``.

        Raises:
            IllegalTransition: the link is closed.
            ValueError: unknown reason.
        """
        code = reset_code(reason)
        if self.state is LinkState.CLOSED:
            raise IllegalTransition("reset on a closed link")
        self.close(code)
        self._queue.append(Reset(reason))

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close the link and drop unsent output (the outbox has it). The first close wins. Raises nothing."""
        if self.state is LinkState.CLOSED:
            return
        self.state = LinkState.CLOSED
        self.close_code = code
        self.close_reason = (reason or code.reason)[:100]  # a close frame holds 123 bytes
        self._queue.clear()
        self._queued_bytes = 0
        self._ack_due = self._pong_due = False

    def data_to_send(self) -> list[str | bytes]:
        """Take the messages to write now, in order. Empty when there is nothing. Raises nothing."""
        out: list[str | bytes] = []
        queue, self._queue = self._queue, []
        for frame in queue:
            if isinstance(frame, Data):
                out.append(encode(Data(frame.seq, self.acknowledged, frame.payload)))
                self._ack_due = False
            else:
                out.append(encode(frame))
        self._queued_bytes = 0
        if self._ack_due:
            out.append(encode(Ack(self.acknowledged)))
        if self._pong_due:
            out.append(encode(Pong()))
        self._ack_due = self._pong_due = False
        return out

    def _enqueue(self, frames: Sequence[tuple[int, bytes]]) -> None:
        for seq, payload in frames:
            if seq <= self.sent:
                continue
            if seq != self.sent + 1:
                raise ValueError(f"output {seq} does not follow {self.sent}")
            self.sent = seq
            self._queue.append(Data(seq, 0, payload))
            self._queued_bytes += len(payload)

    def _require_open(self, verb: str) -> None:
        if self.state is not LinkState.OPEN:
            raise IllegalTransition(f"{verb} on a link in state {self.state}")
