"""Flet's wire format, seen from the client: one packet is one kind byte and one MessagePack message."""

from __future__ import annotations

from typing import Any

import msgpack
from loadtest._wire import MESSAGE, Action, encode

__all__ = ["Action", "WireError", "decode", "encode"]


class WireError(Exception):
    """A packet that the real client would not accept."""


def decode(packet: bytes) -> tuple[Action, dict[Any, Any]]:
    """Take a packet apart; extension values (dates, durations) stay opaque."""
    if not packet or packet[0] != MESSAGE:
        raise WireError(f"not a protocol packet: {packet[:16]!r}")
    action, body = msgpack.unpackb(packet[1:], strict_map_key=False)
    return Action(action), body
