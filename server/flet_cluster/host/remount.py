"""Makes a page that is sent whole replace the one a client shows (layer 3: msgpack only).

Flet's client compares controls by value, and a widget stays bound to its old control as long as the new one
is equal. So a client that gets the same page again, as after every reconnect without ``resume.js``, goes on
listening to objects that nobody updates any more: later changes arrive and are not shown, and methods of the
controls time out. With stock Flet this happens too.

A new Flutter key on each view makes the client build everything below it anew; a new uid does the same for
its services. Nothing of this is state: only this one message carries it.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgpack

COMPONENT = "C"


def remounted(packet: bytes) -> bytes:
    """Return a register response after which the client has no widget of an earlier page left."""
    action, body = msgpack.unpackb(memoryview(packet)[1:], strict_map_key=False)
    page = body.get("page_patch") or {}
    mark = secrets.token_hex(4)
    for view in _views(page.get("views")):
        if not isinstance(view.get("key"), dict):  # a scroll key is a new one for Flutter anyway
            view["key"] = f"flet-cluster-{mark}"
    services = page.get("_services")
    if isinstance(services, dict):
        services["_internals"] = {**(services.get("_internals") or {}), "uid": mark}
    repacked: bytes = msgpack.packb([action, body])
    return packet[:1] + repacked


def _views(value: Any) -> list[dict[str, Any]]:
    """Find the views, which components may stand around of."""
    if isinstance(value, list):
        return [view for item in value for view in _views(item)]
    if not isinstance(value, dict):
        return []
    return _views(value.get("_b")) if value.get("_c") == COMPONENT else [value]
