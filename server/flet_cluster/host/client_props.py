"""Which properties a client may change (layer 3: imports no Flet).

Flet sets every name with an underscore in front that a client sends, also the private attributes of its own
classes and of the app's: ``page.auth`` is one. The real client sends few of them.
"""

from __future__ import annotations

import logging
from dataclasses import is_dataclass
from typing import Any

logger = logging.getLogger("flet_cluster.host")

PRIVATE = frozenset({"_dismissed", "_selected_index"})
"""Those that Flet's web client sends: of banners and snack bars, and of auto-completes."""


def allowed(control: Any, props: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that the client of a control may change.

    Args:
        control: has them, perhaps as properties of an object that it has.
        props: by name, as the client sent them.
    """
    refused = [name for name in props if name.startswith("_") and name not in PRIVATE]
    if refused:
        logger.debug(
            "a client may not change %d private attributes of %s", len(refused), type(control).__name__
        )
    return {name: _inner(control, name, value) for name, value in props.items() if name not in refused}


def _inner(control: Any, name: str, value: Any) -> Any:
    """Look into what Flet sets one by one."""
    if isinstance(value, dict) and is_dataclass(part := getattr(control, name, None)):
        return allowed(part, value)
    return value
