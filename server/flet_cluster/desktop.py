"""What is different when somebody sits in front of the machine (layer 5: decides, and opens a browser).

On a desktop an app is opened in a browser, on a free port that only this machine reaches, as a tool of its
user. Elsewhere it is a server: port 8000 on all addresses, and nothing is opened. Both as Flet does it, but
for the address on a desktop, where Flet too opens all.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flet_cluster.settings import Settings

_LOG = logging.getLogger("flet_cluster")
_ALL_ADDRESSES = "0.0.0.0"  # noqa: S104  what Flet documents for servers
_THIS_MACHINE = "127.0.0.1"
_SERVER_PORT = 8000
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
_VIEW = "web_browser"
"""Flet's name for it."""


def has_screen(system: str, environment: Mapping[str, str], kernel: str) -> bool:
    """Tell whether a browser can be opened: Flet's own test, and Wayland.

    Args:
        system: ``Linux``, ``Darwin``, ``Windows``.
        environment: the variables of this process.
        kernel: ``/proc/version``, which names Microsoft where Linux runs inside Windows.
    """
    if system != "Linux" or "microsoft" in kernel.lower():
        return True
    return any(environment.get(name) for name in _SCREENS)


def this_machine_has_screen() -> bool:
    """Tell whether this process runs on a desktop."""
    version = Path("/proc/version")
    return has_screen(platform.system(), os.environ, version.read_text() if version.is_file() else "")


def suited(settings: Settings, *, screen: bool) -> Settings:
    """Return settings in which nothing is left open that depends on the machine."""
    server = settings.force_web_server or not screen
    values: dict[str, Any] = {
        "host": _ALL_ADDRESSES if server else _THIS_MACHINE,
        "port": _SERVER_PORT if server else 0,
    }
    if settings.uds_path is not None:
        values["forwarded_allow_ips"] = "*"  # who connects there is a proxy of this machine
    given = settings.model_fields_set
    return settings.with_values(**{name: value for name, value in values.items() if name not in given})


def opens_browser(settings: Settings, *, screen: bool) -> bool:
    """Decide whether to show the app to its user."""
    server = settings.force_web_server or not screen
    # A browser cannot open a unix socket, nor does anybody here know the address of a proxy.
    reachable = settings.uds_path is None and not settings.proxy_path
    return settings.open_browser and reachable and not server and not settings.display_url_prefix


def announcement(settings: Settings, url: str, backend: str) -> str:
    """Return the line that tells where the app is; tools get one in the form of Flet's own."""
    if settings.display_url_prefix:
        words = [settings.display_url_prefix, url, *([_VIEW] if settings.open_browser else [])]
        return " ".join(words)
    return f"{settings.app_name}: {url} ({backend})"


def show(settings: Settings, url: str) -> None:
    """Open a browser if one is wanted here.

    In a thread: some commands that ``BROWSER`` names return only when the browser is closed.
    """
    if opens_browser(settings, screen=this_machine_has_screen()):
        threading.Thread(target=_open, args=(url,), name="open-browser", daemon=True).start()


def _open(url: str) -> None:
    try:
        opened = webbrowser.open(url)
    except (webbrowser.Error, OSError):
        opened = False
    if not opened:
        _LOG.warning("no browser could be opened; go to %s (--no-browser: do not try)", url)
