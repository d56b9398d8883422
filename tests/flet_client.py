"""A faithful Flutter client without Flutter, without input and output.

Bytes in, bytes out: :meth:`FletClient.register` and :meth:`FletClient.step` return packets to send,
:meth:`FletClient.feed` takes a packet from the server and returns the replies. What is sent, and in which
order, was recorded from the real client (Flet 1.0.5, wasm build, Chromium).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser import MEDIA, Browser
from tests.mirror import Mirror, MirrorControl, dump, unwrap
from tests.steps import Find, Step, labels
from tests.wire import Action, WireError, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

PICKERS = frozenset({"DatePicker", "TimePicker"})
DIALOGS = PICKERS | {
    "AlertDialog",
    "Banner",
    "BottomSheet",
    "CupertinoAlertDialog",
    "CupertinoBottomSheet",
    "SnackBar",
}


class FletClient:
    """One page load of one browser tab.

    Args:
        browser: what the tab keeps over a reload; a new one by default.

    Attributes:
        packets: everything the server sent, in order.
        calls: invoked methods, ``"Type.method"``, in order.
        crashes: messages of SESSION_CRASHED.
    """

    def __init__(self, browser: Browser | None = None) -> None:
        self.browser = browser or Browser()
        self.packets: list[bytes] = []
        self.calls: list[str] = []
        self.crashes: list[str] = []
        self.registered = False
        first = {"_c": "Page", "_i": 1, "window": {"_c": "Window", "_i": 2}}
        self._mirror = Mirror(first | {k: v for k, v in self.browser.page_fields().items() if k != "window"})

    @property
    def page(self) -> MirrorControl:
        """The root of the tree."""
        return self._mirror.page

    def reload(self) -> FletClient:
        """The same tab after F5: a new tree, the same browser."""
        return FletClient(self.browser)

    def dump(self) -> Any:
        """Every property of every control, deterministic."""
        return dump(self.page)

    # what the client sends

    def register(self) -> bytes:
        """The first packet of a connection."""
        page_name = "/".join(self.browser.route.partition("?")[0].strip("/").split("/")[:2])
        body = {
            "session_id": self.browser.session_id,
            "page_name": page_name,
            "page": self.browser.page_fields(),
        }
        return encode(Action.REGISTER_CLIENT, body)

    def step(self, step: Step) -> list[bytes]:
        """Packets for what the user does."""
        return step.packets(self)

    def update(self, control: MirrorControl, props: dict[str, Any]) -> bytes:
        """The client changes a property itself and tells the server."""
        self._mirror.merge(control, props)
        return encode(Action.UPDATE_CONTROL_PROPS, {"id": control.id, "props": props})

    def trigger(
        self, control: MirrorControl, name: str, data: Any = None, *, always: bool = False
    ) -> list[bytes]:
        """An event, if the server listens to it (or ``always``)."""
        if not always and control.props.get(f"on_{name}") is not True:
            return []
        return [encode(Action.CONTROL_EVENT, {"target": control.id, "name": name, "data": data})]

    def go(self, route: str) -> list[bytes]:
        """The address changes; the client says nothing when it is the same."""
        if route == self.browser.route:
            return []
        self.browser.route = route
        return [
            self.update(self.page, {"route": route}),
            *self.trigger(self.page, "route_change", {"route": route}, always=True),
        ]

    def close_dialog(self, dialog: MirrorControl, picked: Any = None) -> list[bytes]:
        """What the client reports after the closing animation of a dialog."""
        dialog.props["_open"] = False
        if dialog.type in PICKERS:
            value = dialog.props.get("value") if picked is None else picked
            return [
                self.update(dialog, {"value": value, "open": False}),
                *(self.trigger(dialog, "change", picked) if picked is not None else []),
                *self.trigger(dialog, "dismiss", picked is None),
            ]
        sent = [self.update(dialog, {"_dismissed": True})] if dialog.type == "SnackBar" else []
        sent.append(self.update(dialog, {"open": False}))
        return sent + self.trigger(dialog, "dismiss")

    # what the server sends

    def feed(self, packet: bytes) -> list[bytes]:
        """Take one packet from the server; returns the replies."""
        self.packets.append(packet)
        action, body = decode(packet)
        if action is Action.REGISTER_CLIENT:
            return self._registered(body)
        if action is Action.PATCH_CONTROL:
            self._mirror.patch(body["id"], body["patch"])
            return self._follow_dialogs()
        if action is Action.INVOKE_METHOD:
            return self._invoked(body)
        if action is Action.SESSION_CRASHED:
            self.crashes.append(body["message"])
            return []
        raise WireError(f"the server does not send {action!r}")

    def _registered(self, body: dict[str, Any]) -> list[bytes]:
        if body["error"]:
            self.crashes.append(body["error"])
            return []
        self.browser.session_id = body["session_id"]
        self.registered = True
        self._mirror.merge(self.page, body["page_patch"])
        # Flutter measured the page before it was registered; those messages waited in its queue.
        return [
            self.update(self.page, {"platform_brightness": "light"}),
            *self.trigger(self.page, "platform_brightness_change", "light", always=True),
            self.update(self.page, {"media": MEDIA}),
            self.update(self.page, {"width": self.browser.width, "height": self.browser.height}),
            *self._follow_dialogs(),
        ]

    def _invoked(self, body: dict[str, Any]) -> list[bytes]:
        control = self._mirror.index.get(body["control_id"])
        before: list[bytes] = []
        error: str | None
        if control is None:
            result, error = None, f"Calling {body['name']} method of inexistent control: {body['control_id']}"
        else:
            method = f"{control.type}.{body['name']}"
            self.calls.append(method)
            args = body.get("args") or {}  # Flet leaves null fields out
            if method == "Page.push_route":
                before = self.go(args["route"])
            result, error = self.browser.answer(method, args)
        reply = {
            "control_id": body["control_id"],
            "call_id": body["call_id"],
            "result": result,
            "error": error,
        }
        return [*before, encode(Action.INVOKE_METHOD, reply)]

    def _follow_dialogs(self) -> list[bytes]:
        """Dialogs open and close after the patch that says so; closing is reported."""
        sent: list[bytes] = []
        for control in list(self.page.walk()):
            if control.type not in DIALOGS:
                continue
            if control.props.get("open"):
                control.props["_open"] = True
            elif control.props.get("_open"):
                sent += self.close_dialog(control)
        return sent

    # what the user sees

    def visible(self) -> Iterator[MirrorControl]:
        """Visible controls, what is on top first: dialogs, overlay, views from the last to the first."""
        views = unwrap(self.page.props.get("views")) or []
        roots = [self.page.props.get("_dialogs"), self.page.props.get("_overlay"), *reversed(views)]
        yield self.page
        for root in roots:
            yield from _visible(root)

    def find(self, target: Find, handler: str | None = None) -> MirrorControl:
        """The one control that is meant; with ``handler``, one that listens to it."""
        found = [
            control
            for control in self.visible()
            if target.matches(control) and (handler is None or control.props.get(handler) is True)
        ]
        if not -len(found) <= target.nth < len(found):
            raise LookupError(f"{target} with {handler}: {len(found)} of {self.texts()}")
        control = found[target.nth]
        if control.props.get("disabled"):
            raise LookupError(f"{target} is disabled")
        return control

    def texts(self) -> list[str]:
        """All labels that are visible."""
        return [text for control in self.visible() for text in labels(control)]


def _visible(root: Any) -> Iterator[MirrorControl]:
    control = unwrap(root)
    if isinstance(control, list):
        for item in control:
            yield from _visible(item)
    elif isinstance(control, MirrorControl) and control.props.get("visible") is not False:
        if control.type in DIALOGS and not control.props.get("open"):
            return
        yield control
        for child in control.children():
            yield from _visible(child)
