"""Where settings are said, and which of it counts (layer 0: imports pydantic and layer 0 only).

A value is taken from the first of:

1. the command line,
2. ``FLET_CLUSTER_<FIELD>``,
3. Flet's own variable (:data:`FLET_VARIABLES`), where there is one,
4. the arguments the script gives to ``ft.run``,
5. the default.

What none of these says and depends on the machine (host, port) is decided by :mod:`flet_cluster.desktop`.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any

from pydantic_settings import EnvSettingsSource

from flet_cluster import spellings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError
    from pydantic_settings import BaseSettings

Chosen = tuple[Any, str]
"""A value and where it is said: a variable, an option, an argument of the script."""

PREFIX = "FLET_CLUSTER_"

APP_VARIABLE = "FLET_CLUSTER_APP"
"""Names the app for ``flet_cluster.asgi``; not a setting, since a command line names it itself."""

FLET_VARIABLES: Mapping[str, str] = {
    "secret_key": "FLET_SECRET_KEY",
    "secret_key_fallbacks": "FLET_SECRET_KEY_FALLBACKS",
    "session_timeout": "FLET_SESSION_TIMEOUT",
    "oauth_state_timeout": "FLET_OAUTH_STATE_TIMEOUT",
    "no_cdn": "FLET_WEB_NO_CDN",
    "web_renderer": "FLET_WEB_RENDERER",
    "route_url_strategy": "FLET_WEB_ROUTE_URL_STRATEGY",
    "app_path": "FLET_WEB_APP_PATH",
    "assets_dir": "FLET_ASSETS_DIR",
    "upload_dir": "FLET_UPLOAD_DIR",
    "max_upload_size": "FLET_MAX_UPLOAD_SIZE",
    "host": "FLET_SERVER_IP",
    "port": "FLET_SERVER_PORT",
    "uds_path": "FLET_SERVER_UDS_PATH",
    "force_web_server": "FLET_FORCE_WEB_SERVER",
    "display_url_prefix": "FLET_DISPLAY_URL_PREFIX",
    "flet_log_level": "FLET_LOG_LEVEL",
    "use_color_emoji": "FLET_WEB_USE_COLOR_EMOJI",
    "websocket_endpoint": "FLET_WEBSOCKET_HANDLER_ENDPOINT",
    "upload_endpoint": "FLET_UPLOAD_HANDLER_ENDPOINT",
    "oauth_callback_endpoint": "FLET_OAUTH_CALLBACK_HANDLER_ENDPOINT",
}
"""Field → the variable that stock Flet documents for it."""

SCRIPT = "ft.run"
"""What names of arguments of the script begin with."""

_SECRET_FIELDS = frozenset(
    {"secret_key", "secret_key_fallbacks", "redis_url", "ssl_keyfile_password", "dashboard_password"}
)
_OPTIONS = {"assets_dir": "--assets", "open_browser": "--web", "uds_path": "--uds"}
"""Fields that are called something else on the command line."""


def collect(
    model: type[BaseSettings], command_line: Mapping[str, Any] | None, script: Mapping[str, Any] | None
) -> dict[str, Chosen]:
    """Return what somebody says of the fields of ``model``: field → (value, where it is said).

    Args:
        model: its fields are looked for in the environment.
        command_line: field → value, for options given on the command line. None values count as absent.
        script: field → value, from the script's own ``ft.run`` arguments. None values count as absent.
    """
    layers = [
        {name: (value, f"{SCRIPT}({name}=…)") for name, value in _given(script)},
        _flet_environment(),
        _cluster_environment(model),
        {name: (value, _option(name)) for name, value in _given(command_line)},
    ]
    return {name: pair for layer in layers for name, pair in layer.items()}


def _option(field: str) -> str:
    """Return what a field is called on the command line."""
    return _OPTIONS.get(field) or "--" + field.replace("_", "-")


def _given(values: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in (values or {}).items() if value is not None]


def _flet_environment() -> dict[str, tuple[str, str]]:
    """Flet's own variables that are set: field → (value, variable)."""
    found = ((field, name, os.environ.get(name, "")) for field, name in FLET_VARIABLES.items())
    return {field: (value, name) for field, name, value in found if value}


def _cluster_environment(model: type[BaseSettings]) -> dict[str, tuple[Any, str]]:
    """Collect the ``FLET_CLUSTER_*`` variables that are set: field → (value, variable)."""
    return {field: (value, PREFIX + field.upper()) for field, value in EnvSettingsSource(model)().items()}


def unknown_variables(model: type[BaseSettings]) -> list[str]:
    """Return one sentence for each variable that looks like a setting and is none."""
    fields = [field.upper() for field in model.model_fields]
    given = [name for name in sorted(os.environ) if name.upper().startswith(PREFIX) and name != APP_VARIABLE]
    unknown = [name for name in given if name.upper().removeprefix(PREFIX) not in fields]
    return [f"{name} is no setting and does nothing{_nearest(name, fields)}" for name in unknown]


def _nearest(name: str, fields: list[str]) -> str:
    similar = difflib.get_close_matches(name.upper().removeprefix(PREFIX), fields, 1)
    return f"; is {PREFIX}{similar[0]} meant?" if similar else ""


def explain(error: ValidationError, chosen: Mapping[str, Chosen]) -> str:
    """Return a line for each wrong value: where it came from, what it is, what would be allowed."""
    lines = []
    for detail in error.errors():
        field = str(detail["loc"][0]) if detail["loc"] else ""
        value, origin = chosen.get(field, (None, field))
        shown = "(secret)" if field in _SECRET_FIELDS else repr(value)
        allowed = spellings.ALLOWED.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
        lines.append(f"{origin} = {shown}: {allowed}")
    return "\n".join(dict.fromkeys(lines))
