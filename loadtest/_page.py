"""One page load as the Flutter client sees it: bytes in, bytes out, no sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest._tree import Control, Tree, unwrap
from loadtest._wire import Action, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PAGE = 1
_PICKERS = frozenset({"DatePicker", "TimePicker"})
_DIALOGS = _PICKERS | {
    "AlertDialog",
    "Banner",
    "BottomSheet",
    "CupertinoAlertDialog",
    "CupertinoBottomSheet",
    "SnackBar",
}
_ASIDE = frozenset({"Banner", "SnackBar"})
"""Dialogs that leave the page below them usable."""
_INSETS = dict.fromkeys(("top", "right", "bottom", "left"), 0.0)
_MEDIA = {
    "padding": _INSETS,
    "view_padding": _INSETS,
    "view_insets": _INSETS,
    "device_pixel_ratio": 1.0,
    "orientation": "landscape",
    "always_use_24_hour_format": False,
}
_FIELDS = {
    "web": True,
    "wasm": True,
    **dict.fromkeys(("pwa", "debug", "test", "multi_view", "pyodide"), False),
    "platform_brightness": "light",
    "width": 1280.0,
    "height": 720.0,
    "platform": "linux",
    "window": {},
    "media": _MEDIA,
}


class Crashed(Exception):
    """The app reported an error; the message is the app's."""


class Page:
    """A page: register, then feed it what the server sends and send what it returns.

    Args:
        answer: gives the result of a method that the server calls on the client, by control, name and
            arguments; what it returns None for is answered as a browser does.
        route: the path in the address bar.

    Attributes:
        session_id: of plain Flet; the server gives it.
        registered: the server has answered.
    """

    def __init__(self, answer: Callable[[Control, str, dict[str, Any]], Any], route: str = "/") -> None:
        self.session_id: str | None = None
        self.registered = False
        self._answer = answer
        self._route = route
        self._storage: dict[str, Any] = {}
        window = {"_c": "Window", "_i": 2}
        self._tree = Tree({"_c": "Page", "_i": _PAGE, **_FIELDS, "route": route, "window": window})
        self._open: set[int] = set()

    @property
    def root(self) -> Control:
        """The page itself."""
        return self._tree.page

    # what the client sends

    def register(self) -> bytes:
        """Return the first packet of a connection."""
        body = {"session_id": self.session_id, "page_name": "", "page": {**_FIELDS, "route": self._route}}
        return encode(Action.REGISTER_CLIENT, body)

    def update(self, control: Control, props: dict[str, Any]) -> bytes:
        """Change properties as the client does by itself; returns the packet that says so."""
        self._tree.merge(control, props)
        return encode(Action.UPDATE_CONTROL_PROPS, {"id": control.id, "props": props})

    @staticmethod
    def event(control: Control, name: str, data: Any = None) -> bytes:
        """Return the packet of an event."""
        return encode(Action.CONTROL_EVENT, {"target": control.id, "name": name, "data": data})

    def dismiss(self, dialog: Control) -> list[bytes]:
        """Close a dialog by a tap outside of it."""
        self._open.discard(dialog.id)
        sent = [self.update(dialog, {"open": False})]
        return [*sent, self.event(dialog, "dismiss")] if dialog.listens("dismiss") else sent

    # what the server sends

    def feed(self, packet: bytes) -> list[bytes]:
        """Take a packet; returns what the client answers.

        Raises:
            Crashed: the app failed.
            LookupError, TypeError: a patch does not fit: what came before it was lost, or came twice.
        """
        message = decode(packet)
        if message is None:
            return []
        action, body = message
        if action == Action.REGISTER_CLIENT:
            return self._welcomed(body)
        if action == Action.PATCH_CONTROL:
            self._tree.patch(body["id"], body["patch"])
            return self._follow_dialogs()
        if action == Action.INVOKE_METHOD:
            return self._invoked(body)
        if action == Action.SESSION_CRASHED:
            raise Crashed(_brief(body.get("message")))
        return []

    def _welcomed(self, body: dict[str, Any]) -> list[bytes]:
        if body.get("error"):
            raise Crashed(_brief(body["error"]))
        again, self.registered = self.registered, True
        self.session_id = body["session_id"]
        self._tree.merge(self.root, body["page_patch"])
        replies = self._follow_dialogs()
        return replies if again else [self.update(self.root, {"media": _MEDIA}), *replies]

    def _invoked(self, body: dict[str, Any]) -> list[bytes]:
        control = self._tree.index.get(body["control_id"])
        result, before = None, []
        if control is not None:
            args = body.get("args") or {}
            if (control.type, body["name"]) == ("Page", "push_route"):
                before = self.go(args["route"])
            result = self._answer(control, body["name"], args)
            if result is None and control.type == "SharedPreferences":
                result = self._preferences(body["name"], args)
        reply = {
            "control_id": body["control_id"],
            "call_id": body["call_id"],
            "result": result,
            "error": None,
        }
        return [*before, encode(Action.INVOKE_METHOD, reply)]

    def go(self, route: str) -> list[bytes]:
        """Change the address."""
        if route == self._route:
            return []
        self._route = route
        return [
            self.update(self.root, {"route": route}),
            self.event(self.root, "route_change", {"route": route}),
        ]

    def _preferences(self, name: str, args: dict[str, Any]) -> Any:
        if name == "set":
            self._storage[args["key"]] = args["value"]
            return True
        if name == "get":
            return self._storage.get(args["key"])
        if name == "contains_key":
            return args["key"] in self._storage
        if name == "get_keys":
            return [key for key in self._storage if key.startswith(args["key_prefix"])]
        if name == "remove":
            return self._storage.pop(args["key"], None) is not None
        self._storage.clear()
        return True

    def _dialogs(self) -> Iterator[Control]:
        for control in _below(self.root.props.get("_dialogs"), hidden=True):
            if control.type in _DIALOGS:
                yield control

    def _follow_dialogs(self) -> list[bytes]:
        """Report the closing of dialogs that a patch has closed."""
        sent: list[bytes] = []
        for dialog in self._dialogs():
            if dialog.props.get("open"):
                self._open.add(dialog.id)
            elif dialog.id in self._open:
                sent += self.dismiss(dialog)
        return sent

    # what the user sees

    def reachable(self) -> Iterator[Control]:
        """What a user can see and touch: the dialog on top, or the view on top with what lies over it."""
        blocking = [d for d in self._dialogs() if d.props.get("open") and d.type not in _ASIDE]
        if blocking:
            yield from _below(blocking[-1])
            return
        yield from _below(self.root.props.get("_dialogs"))
        yield from _below(self.root.props.get("_overlay"))
        views = unwrap(self.root.props.get("views")) or []
        yield from _below(views[-1:])

    def keyed(self, key: str) -> Control | None:
        """Return the control with a key, if it can be reached."""
        return next((control for control in self.reachable() if control.key == key), None)

    def texts(self) -> Iterator[str]:
        """All that can be read."""
        for control in self.reachable():
            yield from control.labels()


def _brief(message: Any) -> str:
    """Return what an app's error says: its text, or without one its kind, which ends the traceback."""
    lines = str(message or "").splitlines()
    said = [line.strip() for line in [*lines[:1], *lines[:-2:-1]] if line.strip()]
    return said[0][:200] if said else "an error without a message"


def _below(root: Any, *, hidden: bool = False) -> Iterator[Control]:
    """Yield controls that are visible, usable and not in a closed dialog; with ``hidden`` all of them."""
    control = unwrap(root)
    if isinstance(control, list):
        for item in control:
            yield from _below(item, hidden=hidden)
    elif isinstance(control, Control):
        props = control.props
        closed = control.type in _DIALOGS and not props.get("open")
        if not hidden and (props.get("visible") is False or props.get("disabled") or closed):
            return
        yield control
        for child in control.children():
            yield from _below(child, hidden=hidden)
