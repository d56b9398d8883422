"""A page that is sent whole again: what is in the message besides the page."""

from __future__ import annotations

from typing import Any

import msgpack

from flet_cluster.host.remount import remounted


def page_of(packet: bytes) -> dict[str, Any]:
    page: dict[str, Any] = msgpack.unpackb(packet[1:], strict_map_key=False)[1]["page_patch"]
    return page


def packet_of(page: dict[str, Any] | None) -> bytes:
    body: bytes = msgpack.packb([1, {"session_id": "s", "page_patch": page, "error": ""}])
    return b"\x00" + body


def view(**fields: Any) -> dict[str, Any]:
    return {"_c": "View", "_i": 3, "route": "/", **fields}


def test_views_and_services_are_new_to_the_client_each_time() -> None:
    registry = {"_c": "ServiceRegistry", "_i": 7, "_internals": {"uid": "old", "other": 1}}
    packet = packet_of({"_c": "Page", "_i": 1, "views": [view()], "_services": registry})
    first, second = page_of(remounted(packet)), page_of(remounted(packet))
    assert first["views"][0]["key"] != second["views"][0]["key"]
    assert first["_services"]["_internals"]["uid"] not in {"old", second["_services"]["_internals"]["uid"]}
    assert first["_services"]["_internals"]["other"] == 1


def test_nothing_else_changes() -> None:
    when = msgpack.ExtType(1, b"2026-01-01")
    packet = packet_of({"_c": "Page", "_i": 1, "views": [view(controls=[{"value": when, 5: [1.5, None]}])]})
    page = page_of(remounted(packet))
    assert page["views"][0].pop("key")
    assert page == page_of(packet)


def test_views_inside_of_components_are_found() -> None:
    nested = {"_c": "C", "_i": 9, "_b": [{"_c": "C", "_i": 10, "_b": view()}, view(_i=4)]}
    outer = page_of(remounted(packet_of({"views": nested})))["views"]["_b"]
    assert outer[0]["_b"]["key"] == outer[1]["key"]
    assert "key" not in outer[0]


def test_a_scroll_key_stays_and_a_page_without_views_passes() -> None:
    scroll = {"value": "top", "_type": "scroll"}
    assert page_of(remounted(packet_of({"views": [view(key=scroll)]})))["views"][0]["key"] == scroll
    assert page_of(remounted(packet_of({"title": "x"}))) == {"title": "x"}
    assert remounted(packet_of(None)) == packet_of(None)
