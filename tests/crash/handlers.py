"""Every handler that a page has, and an event for each with data as the client would send it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgpack
from tests.mirror import unwrap
from tests.wire import Action, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.flet_client import FletClient
    from tests.mirror import MirrorControl

DAY = msgpack.ExtType(1, b"2024-02-29T00:00:00.000+00:00")
KEY = {"key": "L", "shift": False, "ctrl": False, "alt": False, "meta": False}
CHOICES = frozenset({"NavigationBar", "NavigationRail", "Tabs"})


@dataclass(frozen=True, slots=True)
class Handler:
    """A control that listens, as it was found; it may be gone when its event is sent, like a late click's."""

    control_id: int
    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type}({self.control_id}).on_{self.name}"


def handlers(client: FletClient) -> list[Handler]:
    """All ``on_…`` of all controls, visible or not, from the top."""
    return [
        Handler(control.id, control.type, name.removeprefix("on_"))
        for control in client.page.walk()
        for name in sorted(control.props)
        if name.startswith("on_") and control.props[name] is True
    ]


@dataclass(frozen=True, slots=True)
class Firing:
    """A step that makes one handler run."""

    handler: Handler

    def packets(self, client: FletClient) -> list[bytes]:
        """The event; before it, if the control is still there, the property that the user changed."""
        found = (control for control in client.page.walk() if control.id == self.handler.control_id)
        control = next(found, None)
        if control is None:
            return [self._event(None)]
        prop, data = _change(control) if self.handler.name == "change" else ("", self._data(client, control))
        before = [client.update(control, {prop: data})] if prop else []
        return [*before, self._event(data)]

    def _event(self, data: Any) -> bytes:
        body = {"target": self.handler.control_id, "name": self.handler.name, "data": data}
        return encode(Action.CONTROL_EVENT, body)

    def _data(self, client: FletClient, control: MirrorControl) -> Any:
        make = DATA.get((control.type, self.handler.name)) or DATA.get(("", self.handler.name))
        return make(client, control) if make else None


def _change(control: MirrorControl) -> tuple[str, Any]:
    """The property a user changes and another value for it."""
    if control.type in CHOICES:
        return "selected_index", 0 if control.props.get("selected_index") else 1
    if control.type in {"Checkbox", "Switch"}:
        return "value", not control.props.get("value")
    return "value", DAY if control.type == "DatePicker" else "typed"


def _top_route(client: FletClient, _: MirrorControl) -> dict[str, str]:
    top = unwrap(unwrap(client.page.props["views"])[-1])
    return {"route": top.props.get("route", str(top.id))}


DATA: dict[tuple[str, str], Callable[[FletClient, MirrorControl], Any]] = {
    ("", "submit"): lambda _, control: control.props.get("value") or "",
    ("", "select_change"): lambda _, control: not control.props.get("selected"),
    ("", "sort"): lambda *_: {"ci": 0, "asc": False},
    ("", "reorder"): lambda *_: {"old_index": 0, "new_index": 1},
    ("DatePicker", "dismiss"): lambda *_: True,
    ("Page", "resize"): lambda *_: {"width": 700.0, "height": 500.0},
    ("Page", "keyboard_event"): lambda *_: KEY,
    ("Page", "route_change"): lambda client, _: {"route": client.browser.route},
    ("Page", "view_pop"): _top_route,
}
"""Data by control type and event; a type of "" is any. Other events carry none."""
