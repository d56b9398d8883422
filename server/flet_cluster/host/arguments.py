"""What may be given to ``run`` and ``app``: Flet's parameters and settings (layer 3: knows Flet's names)."""

from __future__ import annotations

import difflib
import importlib
import inspect
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import SettingsError
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SETTING_OF: Mapping[str, str] = {
    "name": "app_path",
    "upload_endpoint_path": "upload_endpoint",
    "session_timeout_seconds": "session_timeout",
    "oauth_state_timeout_seconds": "oauth_state_timeout",
    "websocket_endpoint_path": "websocket_endpoint",
}
"""What Flet calls it → the setting, where the names differ."""

_OLDER = frozenset({"target", "session_handler", "use_color_emoji", "auth_token", "permissions"})
"""What older ``ft.app`` took."""


def settings_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the settings out of arguments, under their own names; what is not one is left out."""
    renamed = {_SETTING_OF.get(name, name): value for name, value in arguments.items()}
    return {name: value for name, value in renamed.items() if name in Settings.model_fields}


def refuse_unknown(names: Iterable[str], function: str) -> None:
    """Refuse arguments that nobody would look at.

    Args:
        names: of the arguments.
        function: for the message, ``flet_cluster.run``.

    Raises:
        SettingsError: neither Flet's ``run`` nor this package knows one; says which may be meant.
    """
    flets = set(inspect.signature(importlib.import_module("flet.app").run).parameters)
    known = {*flets, *_OLDER, *_SETTING_OF, *Settings.model_fields}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"; is {near[0]} meant?" if near else ", nor a setting of flet-cluster"
            raise SettingsError(f"{function}({name}=…): Flet has no such argument{meant}")
