"""Inputs that cannot be taken: no silence, and no session that never acknowledges anything again (I3, I6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flet as ft
import msgpack
import pytest
from flet.messaging.protocol import MessageAction
from tests.node.desk import Wire, desk
from tests.steps import Click

from flet_cluster.transport.handshake import origin_allowed

if TYPE_CHECKING:
    from collections.abc import Callable


def packet(action: MessageAction, body: dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb([action.value, body])
    return b"\x00" + packed


@pytest.mark.parametrize(
    "misfit",
    [
        packet(MessageAction.CONTROL_EVENT, {"target": [1], "name": "click", "data": None}),
        packet(MessageAction.CONTROL_EVENT, {"target": {}, "name": "click", "data": None}),
        packet(MessageAction.INVOKE_METHOD, {"control_id": [], "call_id": [], "result": 1}),
        packet(MessageAction.REGISTER_CLIENT, {"page": [1]}),
    ],
)
async def test_an_input_that_does_not_fit_is_acknowledged_and_the_next_one_is_taken(misfit: bytes) -> None:
    async with desk() as work:
        work.give(misfit)
        work.do(Click("plus"))
        await work.settle()
        assert work.shows("Count: 1")


def main(page: ft.Page) -> None:
    label = ft.Text("Count: 0")

    def spoil(_: Any) -> None:
        label.value = object()  # type: ignore[assignment]  # an error of the app

    page.add(label, ft.Button("spoil", on_click=spoil))


async def test_a_page_that_cannot_be_sent_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.node.desk.main", main)
    async with desk() as work:
        work.do(Click("spoil"))
        await work.settle()
        fresh = Wire()
        packets: list[bytes] = []
        monkeypatch.setattr(fresh, "release", _keep(packets))
        work.seat.attach(fresh, "instance-2")
        work.seat.restart_link("instance-2")
        work.wire, work.sent = fresh, 0
        work.give(fresh.client.register())
        await work.until(lambda: packets)
        action, body = msgpack.unpackb(packets[0][1:])
        assert MessageAction(action) is MessageAction.SESSION_CRASHED
        assert "cannot be sent" in body["message"]


def _keep(packets: list[bytes]) -> Callable[[list[tuple[int, bytes]], int], None]:
    def release(frames: list[tuple[int, bytes]], rx: int) -> None:
        del rx
        packets.extend(payload for _, payload in frames)

    return release


@pytest.mark.parametrize(
    ("origin", "host"), [("http://[::1", "a"), ("http://[", "a"), ("http://a", "["), ("http://a", "[::1")]
)
def test_addresses_that_are_none_are_refused(origin: str, host: str) -> None:
    assert not origin_allowed(origin, host, "ws", ["b.example"])
