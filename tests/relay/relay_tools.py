"""What the relay tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.tools import send
from tests.flet_client import FletClient
from tests.steps import Click
from tests.wire import Action, decode, encode

if TYPE_CHECKING:
    from tests.tab import Tab


def number(tab: Tab, name: str) -> int:
    """What ``name: 12`` shows on a tab's page."""
    return next(int(text.partition(": ")[2]) for text in tab.client.texts() if text.startswith(f"{name}: "))


async def at_work(tab: Tab) -> None:
    """Start the handler that counts its steps, and wait for the first one: the session cannot move now."""
    send(tab, Click("work"))
    await tab.until(lambda: number(tab, "Step") >= 1)


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
