"""Flet's packets, as a client writes and reads them: a kind byte and a MessagePack message."""

from __future__ import annotations

import enum
from typing import Any

import msgpack

MESSAGE = 0x00
"""Kind byte of a message; other kinds are raw bytes of data channels."""


class Action(enum.IntEnum):
    """What a message is about."""

    REGISTER_CLIENT = 1
    PATCH_CONTROL = 2
    CONTROL_EVENT = 3
    UPDATE_CONTROL_PROPS = 4
    INVOKE_METHOD = 5
    SESSION_CRASHED = 6
    PYTHON_OUTPUT = 7


def encode(action: Action, body: dict[str, Any]) -> bytes:
    """Build a packet."""
    packed: bytes = msgpack.packb([int(action), body])
    return bytes([MESSAGE]) + packed


def decode(packet: bytes) -> tuple[int, Any] | None:
    """Take a packet apart; None for raw bytes of a data channel, which are no state."""
    if packet[:1] != b"\x00":
        return None
    action, body = msgpack.unpackb(packet[1:], strict_map_key=False)
    return int(action), body
