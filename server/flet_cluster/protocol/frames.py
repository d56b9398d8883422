"""The frames of the subprotocol and their bytes (layer 1: standard library and layer 0 only).

Text frames are JSON objects with a ``type``. Binary frames start with a kind byte that is none of Flet's own
packet types, so that a plain Flet packet on a link is noticed. Numbers are big-endian. Unknown keys of a
text frame are ignored (a newer peer may add some); unknown types and kinds are errors.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from flet_cluster.protocol.limits import Limits

SUBPROTOCOL: Final = "flet-cluster.v1"
"""What the browser offers and a node selects."""
PLAIN_SUBPROTOCOL: Final = "flet-cluster.plain"
"""Offered second. A node that does not want the link selects it, and the socket speaks plain Flet.
(Selecting nothing would make browsers drop the connection: they insist on an answer to an offer.)"""

MAX_SEQ: Final = 0xFFFF_FFFF
KIND_DATA: Final = 0x10
KIND_DATAGRAM: Final = 0x11

_DATA_HEADER: Final = struct.Struct(">BII")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,1024}")
_INSTANCE: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
_LABEL: Final = re.compile(r"[\x20-\x7e]{0,200}")


@dataclass(frozen=True, slots=True)
class Hello:
    """The browser's first frame on every socket.

    Attributes:
        token: the session's token, None for a new session.
        instance: id of the page load, see :mod:`~flet_cluster.protocol.instance`; the counters below belong
            to it.
        rx: highest output frame the browser has received and handed to the app. All output is backed by a
            commit when it is released (commit interval 0), so then a record with ``tx < rx`` is a rollback.
        durable: highest own input that any node has acknowledged (by ``ack``, data or ``welcome``).
            Acknowledged means committed, whatever the commit interval: a record with ``rx < durable`` is a
            rollback.
        sent: highest own input it has ever sent, over earlier sockets: what is not committed of those may
            have been started by a node that died. None: a client that does not say (it may be any).
    """

    token: str | None
    instance: str
    rx: int
    durable: int
    sent: int | None = None

    @property
    def resent(self) -> int:
        """Inputs up to here may have been started before by a node of which no record tells.

        Nothing can have been sent before there was a token: it comes with the first ``welcome``.
        """
        if self.sent is not None:
            return self.sent
        return 0 if self.token is None else MAX_SEQ


@dataclass(frozen=True, slots=True)
class Welcome:
    """The node's answer: the link is open.

    Attributes:
        token: the session's token from now on.
        node: id of the node, for people who look at problems.
        rx: inputs up to here are committed as started. The browser drops those and sends the rest again.
        resumed: True: output goes on after the browser's ``rx``. False: output starts anew after ``tx``,
            with the whole page. The browser's ``rx`` follows when that has arrived, not before: its node may
            die first.
        tx: number of the output frame before the first one on this socket.
        max_frame: see :class:`~flet_cluster.protocol.limits.Limits`.
        max_unacked_frames: see there.
        max_unacked_bytes: see there.
    """

    token: str
    node: str
    rx: int
    resumed: bool
    tx: int
    max_frame: int
    max_unacked_frames: int
    max_unacked_bytes: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The session is lost; ``reason`` is the name of a close code of the reset range."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ack:
    """From the node: inputs up to ``seq`` are committed. From the browser: it has outputs up to ``seq``."""

    seq: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a sign of life: browsers have no API for websocket pings."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The sign of life."""


@dataclass(frozen=True, slots=True)
class Data:
    """One packet of Flet's own protocol. ``ack`` says the same as :class:`Ack`."""

    seq: int
    ack: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Datagram:
    """A packet of Flet's raw data channels: not state, never numbered, may be lost."""

    payload: bytes


Frame: TypeAlias = Hello | Welcome | Reset | Ack | Ping | Pong | Data | Datagram

_TYPES: Final[dict[str, type[Frame]]] = {
    "hello": Hello,
    "welcome": Welcome,
    "reset": Reset,
    "ack": Ack,
    "ping": Ping,
    "pong": Pong,
}
_NAMES: Final = {cls: name for name, cls in _TYPES.items()}


def encode(frame: Frame) -> str | bytes:
    """Write the frame as one websocket message: text for control, bytes for data. Raises nothing."""
    if isinstance(frame, Data):
        return _DATA_HEADER.pack(KIND_DATA, frame.seq, frame.ack) + frame.payload
    if isinstance(frame, Datagram):
        return bytes((KIND_DATAGRAM,)) + frame.payload
    return json.dumps({"type": _NAMES[type(frame)], **asdict(frame)}, separators=(",", ":"))


def decode(message: str | bytes, limits: Limits) -> Frame:
    """Read the frame in one websocket message.

    Raises:
        ProtocolError: malformed (PROTOCOL) or larger than the limits (TOO_BIG).
    """
    if isinstance(message, str):
        return _decode_text(message, limits.max_control)
    if len(message) > limits.max_frame:
        raise ProtocolError(CloseCode.TOO_BIG, f"frame of {len(message)} bytes, limit {limits.max_frame}")
    return _decode_binary(message)


def _decode_binary(message: bytes) -> Frame:
    kind = message[0] if message else None
    if kind == KIND_DATAGRAM:
        return Datagram(message[1:])
    if kind != KIND_DATA:
        raise _malformed("empty binary frame" if kind is None else f"unknown kind 0x{kind:02x}")
    if len(message) < _DATA_HEADER.size:
        raise _malformed("data frame without its header")
    _, seq, ack = _DATA_HEADER.unpack_from(message)
    if seq == 0:
        raise _malformed("data frames are numbered from 1")
    return Data(seq, ack, message[_DATA_HEADER.size :])


def _decode_text(message: str, limit: int) -> Frame:
    if len(message) > limit:
        raise ProtocolError(CloseCode.TOO_BIG, f"control frame of {len(message)} characters, limit {limit}")
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        raise _malformed("control frame is not JSON") from None
    if not isinstance(value, dict):
        raise _malformed("control frame is not an object")
    kind = value.get("type")
    cls = _TYPES.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise _malformed("unknown control frame")
    return cls(**{name: _field(value, name) for name in cls.__dataclass_fields__})


def _field(value: dict[str, Any], name: str) -> Any:
    if name not in value:
        if name in _OPTIONAL:
            return None
        raise _malformed(f"field {name} is missing")
    item = value[name]
    if not _VALID[name](item):
        raise _malformed(f"field {name} is not valid")
    return item


def _is_seq(item: object) -> bool:
    return type(item) is int and 0 <= item <= MAX_SEQ


def _is_size(item: object) -> bool:
    return _is_seq(item) and item != 0


def _is_label(item: object) -> bool:
    return isinstance(item, str) and _LABEL.fullmatch(item) is not None


_OPTIONAL: Final = frozenset({"sent"})
"""Fields that came later: a page that was loaded before does not send them."""

_VALID: Final = {
    "token": lambda item: item is None or (isinstance(item, str) and _TOKEN.fullmatch(item) is not None),
    "instance": lambda item: isinstance(item, str) and _INSTANCE.fullmatch(item) is not None,
    "node": _is_label,
    "reason": _is_label,
    "resumed": lambda item: isinstance(item, bool),
    "rx": _is_seq,
    "tx": _is_seq,
    "seq": _is_seq,
    "durable": _is_seq,
    "sent": lambda item: item is None or _is_seq(item),
    "max_frame": _is_size,
    "max_unacked_frames": _is_size,
    "max_unacked_bytes": _is_size,
}


def _malformed(reason: str) -> ProtocolError:
    return ProtocolError(CloseCode.PROTOCOL, reason)
