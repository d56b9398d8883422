"""Imports go downwards only (the layers of the design, one table)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "server" / "flet_cluster"

LAYERS = {
    "backend": 0,
    "errors": 0,
    "events": 0,
    "facts": 0,
    "logscope": 0,
    "model": 0,
    "passwords": 0,
    "setting_checks": 0,
    "setting_sources": 0,
    "settings": 0,
    "spans": 0,
    "spellings": 0,
    "balance": 1,
    "figures": 1,
    "ownership": 1,
    "protocol": 1,
    "snapshot": 1,
    "threads": 1,
    "blobs": 2,
    "bus": 2,
    "oauth": 2,
    "stores": 2,
    "host": 3,
    "node": 3,
    "transport": 3,
    "cloudwatch": 4,
    "dashboard": 4,
    "embedded": 4,
    "exposition": 4,
    "http": 4,
    "inspection": 4,
    "metrics": 4,
    "temporary": 4,
    "tracing": 4,
    "__init__": 5,
    "application": 5,
    "asgi": 5,
    "beside": 5,
    "auth": 5,
    "changes": 5,
    "checking": 5,
    "composition": 5,
    "cli": 5,
    "control": 5,
    "demo": 5,
    "desktop": 5,
    "fastapi": 5,
    "front": 5,
    "hosting": 5,
    "lean_sockets": 5,
    "levelling": 5,
    "listening": 5,
    "logs": 5,
    "management": 5,
    "operating": 5,
    "process": 5,
    "reaching": 5,
    "running": 5,
    "side_doors": 5,
    "sight": 5,
    "serving": 5,
    "storage": 5,
    "supervisor": 5,
    "uploading": 5,
    "tls": 5,
    "worker": 5,
    "workers_sight": 5,
}
"""Top-level module or subpackage → its layer."""

ONLY_IN: dict[str, set[str]] = {
    "authlib": {"oauth"},
    "httpx": set(),
    "httpx2": {"oauth"},
    "joserfc": {"oauth"},
    "oauthlib": set(),
    "redis": {"stores", "bus"},
    "rich": {"cli", "demo/screen", "demo/view"},
    "boto3": {"blobs/s3"},
    "botocore": {"blobs/s3", "cloudwatch"},
    "flet": {"host", "dashboard", "demo/app"},
    "flet_charts": {"dashboard"},
    "flet_web": {"host", "http/static"},
    "opentelemetry": {"tracing"},
    "pythonjsonlogger": {"logs"},
    "prometheus_client": {"metrics", "dashboard"},
    "typer": {"cli"},
    "watchfiles": {"changes"},
    "uvicorn": {"lean_sockets", "management", "serving"},
}
"""Library → the only places that may import it."""

FORBIDDEN = {
    "protocol": {"asyncio", "time", "random", "secrets", "threading"},
    "ownership": {"asyncio", "time", "random", "secrets", "threading"},
}
"""Place → standard modules that it must not import: pure code has no loop, no clock and no dice."""

FILES = sorted(path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py"))


def imported(file: str) -> set[str]:
    """Names of all modules that a file imports, for types included, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{file}.py").read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            module = node.module or ""
            found |= (
                {f"{module}.{alias.name}" for alias in node.names} if module == "flet_cluster" else {module}
            )
    return found


def within(file: str, place: str) -> bool:
    return file == place or file.startswith(place + "/")


@pytest.mark.parametrize("file", FILES)
def test_imports_go_downwards(file: str) -> None:
    top = file.split("/", maxsplit=1)[0]
    assert top in LAYERS, f"give {top} a layer"
    for name in imported(file):
        if name.startswith("flet_cluster."):
            other = name.split(".")[1]
            assert other in LAYERS, f"{file} imports {name}: give {other} a layer"
            assert LAYERS[other] <= LAYERS[top], f"{file} (layer {LAYERS[top]}) imports {name}"


@pytest.mark.parametrize("file", FILES)
def test_libraries_stay_where_they_belong(file: str) -> None:
    for name in imported(file):
        library = name.split(".")[0]
        places = ONLY_IN.get(library)
        assert places is None or any(within(file, place) for place in places), f"{file} imports {name}"


@pytest.mark.parametrize("file", FILES)
def test_pure_code_stays_pure(file: str) -> None:
    for place, modules in FORBIDDEN.items():
        if within(file, place):
            assert not {name.split(".")[0] for name in imported(file)} & modules, f"{file} is sans-IO"


@pytest.mark.parametrize("file", FILES)
def test_module_says_what_it_is(file: str) -> None:
    documentation = ast.get_docstring(ast.parse((PACKAGE / f"{file}.py").read_text()))
    assert documentation, f"{file} has no docstring"
    stated = re.search(r"layer (\d)", documentation.lower())
    if file == "__init__":  # what users read
        return
    assert stated, f"{file} does not say its layer"
    layer = LAYERS[file.split("/", maxsplit=1)[0]]
    assert int(stated[1]) == layer, f"{file} is of layer {layer}"


def test_the_tables_name_what_is_there() -> None:
    tops = {file.split("/", maxsplit=1)[0] for file in FILES}
    assert not set(LAYERS) - tops
    places = set().union(*ONLY_IN.values(), FORBIDDEN)
    assert not {place for place in places if not any(within(file, place) for file in FILES)}
