"""What the relay tests share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
from tests.flet_client import FletClient
from tests.wire import Action, decode, encode

if TYPE_CHECKING:
    from tests.fleet import FleetNode
    from tests.tab import Tab


def number(tab: Tab, name: str) -> int:
    """What ``name: 12`` shows on a tab's page."""
    return next(int(text.partition(": ")[2]) for text in tab.client.texts() if text.startswith(f"{name}: "))


def metric(node: FleetNode, name: str, **labels: str) -> float:
    """Sum of a node's metric over all series that have these labels."""
    text = httpx.get(f"http://127.0.0.1:{node.port}/metrics").text
    lines = re.findall(rf"^flet_cluster_{name}(?:_total)?{{(.*)}} (\S+)$", text, re.MULTILINE)
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(value) for found, value in lines if all(part in found for part in wanted))


class Picking(FletClient):
    """A client whose user takes his time in the file picker.

    Attributes:
        open: the answer that waits for :meth:`choose`.
    """

    open: tuple[Any, Any] | None = None

    def feed(self, packet: bytes) -> list[bytes]:
        """Keep the file picker's call; all others are answered at once."""
        action, body = decode(packet)
        if action is Action.INVOKE_METHOD and body["name"] == "pick_files":
            self.packets.append(packet)
            self.open = (body["control_id"], body["call_id"])
            return []
        return super().feed(packet)

    def choose(self, name: str) -> bytes:
        """The user picks a file."""
        assert self.open is not None, "no file picker is open"
        (control, call), self.open = self.open, None
        files = [{"id": 0, "name": name, "size": 1, "path": None, "bytes": None}]
        return encode(
            Action.INVOKE_METHOD, {"control_id": control, "call_id": call, "result": files, "error": None}
        )
