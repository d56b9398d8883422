"""What the chart renders, to the letter, by Helm 3 and 4; and what an upgrade changes.

``UPDATE_GOLDEN=1`` writes the files anew: look at what changed before it is committed.
"""

from __future__ import annotations

import difflib
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes_validate import validate
from tests.helm.charts import BOTH, CHART, FOLDER, KEY, KUBERNETES, NEWEST, URL, VARIANTS, run, text, variant

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = FOLDER / "golden"
CUSTOM = {"HTTPRoute", "ScaledObject", "ServiceMonitor", "PrometheusRule"}
KUBERNETES_VERSIONS = ("1.25", "1.27", "1.30", "1.33", "1.37")

UPGRADES = {
    "image": ("defaults", ("--set", "image.tag=2")),
    "drain": ("defaults", ("--set", "drain.timeoutSeconds=120")),
    "key": (
        "defaults",
        ("--set", f"secretKey.value=the next key of thirty two chars!,secretKey.fallbacks[0]={KEY}"),
    ),
    "fixed-size": ("defaults", ("--set", "autoscaling.enabled=false,replicaCount=4")),
    "setting": ("public", ("--set", "settings.session_timeout=60")),
    "no-metrics": (
        "public",
        ("--set", "metrics.enabled=false,metrics.serviceMonitor.enabled=false,metrics.rules.enabled=false"),
    ),
    "to-shared-uploads": ("aws", ("--set", "uploads.mode=shared")),
}
"""Name → variant, and what is changed of it."""


def canonical(printed: str) -> str:
    """Helm 3 and 4 differ in blank lines at ends, and versions of the chart are no change of behaviour."""
    lines = [line.rstrip() for line in printed.splitlines()]
    joined = re.sub(r"\n+---\n", "\n---\n", "\n".join(lines).strip() + "\n")
    return re.sub(r"(helm.sh/chart: flet-cluster)-\S+", r"\1-VERSION", joined)


def of_variant(name: str, *more: str, major: str = "4") -> str:
    options = ("--values", str(VARIANTS[name]), *more)
    return canonical(text(*options, major=major, kubernetes=KUBERNETES.get(name, NEWEST)))


def compare(path: Path, found: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found)
    assert path.read_text() == found, "is it meant? UPDATE_GOLDEN=1 writes the file anew"


@pytest.mark.parametrize("major", BOTH)
@pytest.mark.parametrize("name", VARIANTS)
def test_rendering(name: str, major: str) -> None:
    compare(GOLDEN / f"{name}.yaml", of_variant(name, major=major))


@pytest.mark.parametrize("name", UPGRADES)
def test_upgrade(name: str) -> None:
    base, options = UPGRADES[name]
    before, after = of_variant(base).splitlines(), of_variant(base, *options).splitlines()
    changed = difflib.unified_diff(before, after, "before", "after", lineterm="", n=3)
    compare(GOLDEN / f"upgrade-{name}.diff", "\n".join(line.rstrip() for line in changed) + "\n")


def selectors(objects: list[dict[str, Any]]) -> set[str]:
    kinds = {"Deployment", "Service", "PodDisruptionBudget"}
    found = {
        (o["kind"], o["metadata"]["name"]): o["spec"].get("selector") for o in objects if o["kind"] in kinds
    }
    return {f"{key}: {value}" for key, value in found.items() if key[1] == "shop-flet-cluster"}


def test_selectors_never_change() -> None:
    """A Deployment's cannot: the upgrade would be refused."""
    assert len(set().union(*(selectors(variant(name)) for name in VARIANTS))) == 3


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_objects_are_valid_for_kubernetes(version: str) -> None:
    validated = set()
    for name in VARIANTS:
        for item in variant(name, kubernetes=version):
            if item["kind"] not in CUSTOM:
                validate(item, version, strict=True)
                validated.add(item["kind"])
    assert len(validated) >= 10


@pytest.mark.parametrize("major", BOTH)
def test_lint(major: str) -> None:
    for options in (URL, *(("--values", str(path)) for path in VARIANTS.values())):
        done = run(major, "lint", "--strict", str(CHART), *options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("name", VARIANTS)
def test_install_without_a_cluster(name: str) -> None:
    """Helm 4 only: in Helm 3 even ``--dry-run=client`` asks for an API server."""
    options = ("--dry-run=client", "--values", str(VARIANTS[name]))
    done = run("4", "install", "shop", str(CHART), "--namespace", "apps", *options)
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:\n")[2]
    compare(GOLDEN / f"notes-{name}.txt", canonical(notes))


@pytest.mark.parametrize("major", BOTH)
def test_a_package_renders_the_same(major: str, tmp_path: Path) -> None:
    done = run(major, "package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    package = next(tmp_path.glob("*.tgz"))
    done = run(major, "template", "shop", str(package), *URL, "--set", f"secretKey.value={KEY}")
    kinds = [item["kind"] for item in yaml.safe_load_all(done.stdout) if item]
    assert kinds == [item["kind"] for item in variant("defaults", major=major)]
