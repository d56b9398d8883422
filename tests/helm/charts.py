"""Renders the chart with the real Helm, without a cluster."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml
from tests.helm.binaries import helm

CHART = Path(__file__).parents[2] / "helm" / "flet-cluster"
FOLDER = Path(__file__).parent
VARIANTS = {path.stem: path for path in sorted((FOLDER / "variants").glob("*.yaml"))}
"""Name → values of a way to run an app."""
KUBERNETES = {"older": "1.26"}
"""Variant → the version it is for, if not the newest."""
NEWEST = "1.37"
BOTH = ("3", "4")
URL = ("--set", "redis.url=redis://cache:6379/0")
KEY = "a key for tests only of thirty two chars"


def run(major: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run helm; the caller looks at how it ended."""
    return subprocess.run([helm(major), *words], capture_output=True, text=True, check=False, timeout=60)


def text(*options: str, major: str = "4", name: str = "shop", kubernetes: str = NEWEST) -> str:
    """Return what ``helm template`` prints."""
    where = ("--namespace", "apps", "--kube-version", kubernetes)
    done = run(major, "template", name, str(CHART), *where, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(*options: str, major: str = "4", kubernetes: str = NEWEST) -> list[dict[str, Any]]:
    """Return the objects."""
    loaded = yaml.safe_load_all(text(*options, major=major, kubernetes=kubernetes))
    return [found for found in loaded if found]


def variant(name: str, *more: str, major: str = "4", kubernetes: str = "") -> list[dict[str, Any]]:
    """Return the objects of a variant."""
    version = kubernetes or KUBERNETES.get(name, NEWEST)
    return rendered("--values", str(VARIANTS[name]), *more, major=major, kubernetes=version)


def refusal(*options: str, major: str = "4") -> str:
    """Return the message of a rendering that has to fail."""
    done = run(major, "template", "shop", str(CHART), *options)
    assert done.returncode != 0, done.stdout
    return done.stderr


def one(objects: list[dict[str, Any]], kind: str, name: str = "shop-flet-cluster") -> dict[str, Any]:
    """Return the object of a kind and name."""
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def container(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the app's container."""
    found: dict[str, Any] = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found


def variables(objects: list[dict[str, Any]]) -> dict[str, str | None]:
    """Return the app's variables; None for those from Secrets."""
    return {entry["name"]: entry.get("value") for entry in container(objects)["env"]}
