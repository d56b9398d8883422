"""The script that a project's folder stands for (layer 3: imports nothing of the package)."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = ("__init__.py", "__main__.py")
_SCRIPTS = ("main.py", "src/main.py")


def script_in(folder: Path) -> Path | None:
    """Return the script of a folder as ``flet create`` makes it; None for a package, which has a name."""
    if not folder.is_dir() or any((folder / name).is_file() for name in _PACKAGE):
        return None
    return next(filter(Path.is_file, (folder / name for name in _SCRIPTS)), None)
