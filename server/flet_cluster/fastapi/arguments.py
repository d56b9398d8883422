"""Flet's parameter names as settings (layer 5)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG = logging.getLogger("flet_cluster")

_SETTING_OF: Mapping[str, str] = {
    "name": "app_path",
    "upload_endpoint_path": "upload_endpoint",
    "session_timeout_seconds": "session_timeout",
    "oauth_state_timeout_seconds": "oauth_state_timeout",
    "websocket_endpoint_path": "websocket_endpoint",
}
"""What Flet calls it → the setting, where the names differ."""

_FOLDERS = ("assets_dir", "upload_dir")
_CONVENTIONAL = "assets"


def fields_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Translate arguments of Flet's functions into fields of :class:`Settings`; None means not given."""
    renamed = {_SETTING_OF.get(name, name): _plain(value) for name, value in arguments.items()}
    fields = {name: value for name, value in renamed.items() if name in Settings.model_fields}
    for name in _FOLDERS:
        if fields.get(name) is not None:
            fields[name] = _folder(name, fields[name])
    return {name: value for name, value in fields.items() if value is not None}


def _folder(name: str, value: Any) -> Path | None:
    """Resolve a folder against the working directory; like Flet, do without assets that are not there."""
    if not value:
        return None
    folder = Path(value).absolute()
    if name == "assets_dir" and not folder.is_dir():
        if str(value) != _CONVENTIONAL:  # by that name they are looked for without being asked
            _LOG.warning("assets_dir = %r: there is no folder %s", str(value), folder)
        return None
    return folder


def _plain(value: Any) -> Any:
    """Return an enum member's value; other things as they are."""
    return getattr(value, "value", value)
