"""Arguments of Flet's functions as settings (layer 5)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flet_cluster.host.arguments import settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG = logging.getLogger("flet_cluster")

_FOLDERS = ("assets_dir", "upload_dir")
_CONVENTIONAL = "assets"


def fields_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Translate arguments of Flet's functions into fields of :class:`flet_cluster.settings.Settings`.

    None means not given.
    """
    fields = {name: _plain(value) for name, value in settings_of(arguments).items()}
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
