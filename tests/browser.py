"""What a browser keeps and how the Flutter client answers invoked methods (no protocol here)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

INSETS = {"top": 0.0, "right": 0.0, "bottom": 0.0, "left": 0.0}
MEDIA = {
    "padding": INSETS,
    "view_padding": INSETS,
    "view_insets": INSETS,
    "device_pixel_ratio": 1.0,
    "orientation": "landscape",
    "always_use_24_hour_format": False,
}


@dataclass(slots=True)
class Browser:
    """State outside of the page's tree; it outlives a reload.

    Attributes:
        route: the address bar.
        session_id: what the client keeps in the tab's session storage.
        storage: shared preferences (local storage).
        clipboard: text on the clipboard.
        replies: scripted answers by ``"Type.method"``, before the built-in ones.
        cookie: what the browser sends along with everything, as ``name=value``.
    """

    route: str = "/"
    width: float = 1280.0
    height: float = 720.0
    session_id: str | None = None
    storage: dict[str, Any] = field(default_factory=dict)
    clipboard: str | None = None
    replies: Mapping[str, Any] = field(default_factory=dict)
    cookie: str = ""

    def page_fields(self) -> dict[str, Any]:
        """The page as the real web client (wasm build) registers it, recorded from Chromium."""
        return {
            "route": self.route,
            "pwa": False,
            "web": True,
            "debug": False,
            "wasm": True,
            "test": False,
            "multi_view": False,
            "pyodide": False,
            "platform_brightness": "light",
            "width": self.width,
            "height": self.height,
            "platform": "linux",
            "window": {},
            "media": MEDIA,
        }

    def answer(self, method: str, args: Mapping[str, Any]) -> tuple[Any, str | None]:
        """Result and error of an invoked method; unknown methods return null."""
        if method in self.replies:
            reply = self.replies[method]
            return (None, str(reply)) if isinstance(reply, Exception) else (reply, None)
        service, _, name = method.partition(".")
        if service == "SharedPreferences":
            return self._preferences(name, args), None
        if service == "Clipboard" and name == "set":
            self.clipboard = args["data"]
        elif service == "Clipboard" and name == "get":
            return self.clipboard, None
        return None, None

    def _preferences(self, name: str, args: Mapping[str, Any]) -> Any:
        if name == "set":
            self.storage[args["key"]] = args["value"]
            return True
        if name == "get":
            return self.storage.get(args["key"])
        if name == "contains_key":
            return args["key"] in self.storage
        if name == "get_keys":
            return [key for key in self.storage if key.startswith(args["key_prefix"])]
        if name == "remove":
            return self.storage.pop(args["key"], None) is not None
        self.storage.clear()
        return True
