"""Flet's wire format: messages to packets and back (layer 3: may import Flet).

A packet is what one websocket message of Flet's own protocol carries: one type byte, then the body
(``flet_web.fastapi.flet_app.FletApp.send_message`` and ``__receive_loop``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack
from flet.controls.base_control import BaseControl
from flet.messaging.protocol import (
    Message,
    MessageAction,
    configure_encode_object_for_msgpack,
    decode_ext_from_msgpack,
)

from flet_cluster.host.measure import count_values

PROTOCOL_PACKET = 0
"""First byte of a packet that carries a msgpack message."""
CHANNEL_PACKET = 1
"""First byte of a packet that carries raw bytes of a data channel."""
_PROTOCOL, _CHANNEL = bytes([PROTOCOL_PACKET]), bytes([CHANNEL_PACKET])

SMALL_PACKET = 1024
"""Up to so many bytes a packet is unpacked unseen: whatever it holds costs little."""
MAX_REGISTRATION = 64 * 1024
"""Bytes of a registration: anybody may send one. Those of Flet's clients have some hundred."""
MAX_VALUES = 100_000
"""Values in one packet, those in its lists and maps included."""
VALUE_BYTES = 64
"""What a value costs as an object, in round numbers."""

_encode_object = configure_encode_object_for_msgpack(BaseControl)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """One decoded message of a client: what it wants and the body it sent along.

    Attributes:
        weight: about how many bytes of memory it takes.
    """

    action: MessageAction
    body: dict[str, Any]
    weight: int


class BadPacket(ValueError):
    """The bytes are not a packet of Flet's protocol."""


def encode(message: Message) -> bytes:
    """Packet of a server message. Encoding also records the diff baseline on each control it visits."""
    body: bytes = msgpack.packb([message.action, message.body], default=_encode_object)
    return _PROTOCOL + body


def is_client_call(packet: bytes) -> bool:
    """Whether an encoded server message asks the client to do something and answer."""
    return packet[2] == MessageAction.INVOKE_METHOD.value  # type byte, array of two, action


def channel_packet(channel_id: int, payload: bytes) -> bytes:
    """Packet of raw bytes for a data channel."""
    return _CHANNEL + channel_id.to_bytes(4, "little") + payload


def decode(packet: bytes) -> ClientMessage:
    """Decode a protocol packet of a client.

    Raises:
        BadPacket: when it is empty, of another type, not a ``[action, body]`` pair, or costs too much.
    """
    if not packet or packet[0] != PROTOCOL_PACKET:
        raise BadPacket("not a protocol packet")
    if len(packet) > MAX_REGISTRATION and is_registration(packet):
        raise BadPacket(f"a registration of {len(packet)} bytes")
    packed, weight = memoryview(packet)[1:], len(packet)
    try:
        if weight > SMALL_PACKET:
            weight += VALUE_BYTES * count_values(packed, MAX_VALUES)
        action, body = msgpack.unpackb(packed, ext_hook=decode_ext_from_msgpack)
        return ClientMessage(MessageAction(action), dict(body), weight)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise BadPacket(f"not a Flet message: {error}") from error


def is_channel(packet: bytes) -> bool:
    """Whether a packet carries raw bytes of a data channel."""
    return packet[:1] == _CHANNEL


def split_channel(packet: bytes) -> tuple[int, bytes]:
    """Channel id and bytes of a data channel packet.

    Raises:
        BadPacket: when it is shorter than its header.
    """
    if len(packet) < 5 or packet[0] != CHANNEL_PACKET:  # noqa: PLR2004 - type byte and u32
        raise BadPacket("not a data channel packet")
    return int.from_bytes(packet[1:5], "little"), packet[5:]


def is_registration(packet: bytes) -> bool:
    """Whether a client's packet registers it."""
    return packet[2:3] == bytes([MessageAction.REGISTER_CLIENT.value])
