"""Flet's wire format, seen from the client: one packet is one kind byte and one MessagePack message."""

from __future__ import annotations

import enum
from typing import Any

import msgpack

PROTOCOL = 0x00
"""Kind byte of a MessagePack message; 0x01 is a raw data-channel frame."""


class Action(enum.IntEnum):
    """What a message is about."""

    REGISTER_CLIENT = 1
    PATCH_CONTROL = 2
    CONTROL_EVENT = 3
    UPDATE_CONTROL_PROPS = 4
    INVOKE_METHOD = 5
    SESSION_CRASHED = 6
    PYTHON_OUTPUT = 7


class WireError(Exception):
    """A packet that the real client would not accept."""


def encode(action: Action, body: dict[str, Any]) -> bytes:
    """Build a packet."""
    packed: bytes = msgpack.packb([int(action), body])
    return bytes([PROTOCOL]) + packed


def decode(packet: bytes) -> tuple[Action, dict[Any, Any]]:
    """Take a packet apart; extension values (dates, durations) stay opaque."""
    if not packet or packet[0] != PROTOCOL:
        raise WireError(f"not a protocol packet: {packet[:16]!r}")
    action, body = msgpack.unpackb(packet[1:], strict_map_key=False)
    return Action(action), body
