"""Which source files an app consists of (layer 3; imports no Flet, runs nothing of the app).

The script, and whatever of the app's own modules it imports anywhere, functions included, and what those
import. An app that imports modules by computed names is read whole.
"""

from __future__ import annotations

import ast
import itertools
import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from flet_cluster.host.modules import AppModules

MOST_FILES = 1000
"""More are not read: no app is written in so many, and a start must not take for ever."""
MOST_BYTES = 1_000_000
"""A larger file is data, or generated."""
MOST_BYTES_OF_ALL = 10_000_000
"""Some 250,000 lines, which take seconds."""

_COMPUTED = (b"import_module", b"__import__", b"run_module", b"run_path")


def app_sources(file: Path, modules: AppModules) -> dict[Path, ast.Module]:
    """Return the syntax trees of an app's own modules, in the order in which they are found.

    Args:
        file: where the app begins.
        modules: which files are the app's own.
    """
    found: dict[Path, ast.Module] = {}
    waiting = [file.resolve()]
    everything, size = False, 0
    while waiting and len(found) < MOST_FILES and size < MOST_BYTES_OF_ALL:
        path = waiting.pop(0)
        if path in found or not modules.owns(path):
            continue
        text = _read(path)
        tree = _parsed(text, path)
        if tree is None:
            continue
        found[path] = tree
        size += len(text)
        waiting += _imported(tree, path, modules.folder)
        if not everything and any(word in text for word in _COMPUTED):
            everything = True
            waiting += _below(modules.folder)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError:
        return b""


def _parsed(text: bytes, path: Path) -> ast.Module | None:
    """Return the tree; None where Python itself will complain when it comes to import the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text, str(path))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _imported(tree: ast.Module, path: Path, root: Path) -> Iterator[Path]:
    """Yield the files below ``root`` that a module's imports may mean."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(root, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            start = path.parents[node.level - 1] if 0 < node.level <= len(path.parents) else root
            steps = node.module.split(".") if node.module else []
            yield from _files(start, steps)
            for alias in node.names:
                yield from _files(start, [*steps, alias.name])


def _files(start: Path, steps: list[str]) -> Iterable[Path]:
    """Yield what ``import a.b`` runs, as far as it is there: ``a/__init__.py``, ``a/b.py``."""
    for count in range(len(steps) + 1):
        place = start.joinpath(*steps[:count])
        for candidate in (place / "__init__.py", place.with_suffix(".py") if count else place):
            if candidate.suffix == ".py" and candidate.is_file():
                yield candidate.resolve()


def _below(folder: Path) -> list[Path]:
    """Return the Python files below a folder, without hidden folders and environments."""
    files: list[Path] = []
    for place, folders, names in os.walk(folder):
        here = folder / place
        if (here / "pyvenv.cfg").exists():
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        files += (here / name for name in sorted(names) if name.endswith(".py"))
        if len(files) >= MOST_FILES:
            break
    return list(itertools.islice(files, MOST_FILES))
