"""Packets and text without what is random in every session.

Random are the session id, the id of each invoked call, and the ``uid`` of the page's service registry. They
are replaced by fillers of the same length, so everything else stays byte for byte. The report of a crash
keeps its first line: the rest is a traceback through whatever hosts the session.
"""

from __future__ import annotations

from typing import Any

from tests.wire import Action, decode, encode


class Canonical:
    """Replaces what is random; learns the values from the packets, so feed them in order.

    Args:
        sort_keys: also put the keys of all maps in order, for packets of processes with different hash seeds
            (Flet walks a set of field names, so a new control's keys come in the order of their hashes).
    """

    def __init__(self, *, sort_keys: bool = False) -> None:
        self._sort_keys = sort_keys
        self._fillers: dict[bytes, bytes] = {}
        self._calls = 0

    def packet(self, packet: bytes) -> bytes:
        """The packet with its random parts replaced."""
        action, body = decode(packet)
        if action is Action.SESSION_CRASHED:
            return encode(action, {"message": str(body["message"]).partition("\n")[0]})
        if action is Action.REGISTER_CLIENT:
            self._learn(body["session_id"], b"s")
            registry = body["page_patch"].get("_services")  # missing when the registration failed
            if registry:
                self._learn(registry["_internals"]["uid"], b"u")
        elif action is Action.INVOKE_METHOD:
            self._calls += 1
            self._learn(body["call_id"], str(self._calls % 10).encode())
        if self._sort_keys:
            packet = encode(action, _sorted(body))
        return self._replace(packet)

    def text(self, value: str) -> str:
        """A string with random parts replaced."""
        return self._replace(value.encode()).decode()

    def tree(self, value: Any) -> Any:
        """Plain data with random parts replaced in its strings."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.tree(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        return value

    def _learn(self, secret: str, filler: bytes) -> None:
        self._fillers.setdefault(secret.encode(), (filler * len(secret))[: len(secret)])

    def _replace(self, data: bytes) -> bytes:
        for secret, filler in self._fillers.items():
            data = data.replace(secret, filler)
        return data


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
