"""Which imported modules belong to the app (layer 1: imports the standard library only)."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

Predicate = Callable[[str], bool]
Canonical = Callable[[str], str]

_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})


def under(roots: Iterable[str | Path]) -> Predicate:
    """Return a predicate that tells whether the module of a name is a file below one of ``roots``.

    Installed packages do not count even when a virtual environment lies inside a root; neither does the
    standard library.
    """
    folders = [Path(root).resolve() for root in roots]
    stdlib = Path(sysconfig.get_paths()["stdlib"]).resolve()

    def is_app_module(name: str) -> bool:
        file = getattr(sys.modules.get(name), "__file__", None)
        if not isinstance(file, str):
            return False
        path = Path(file).resolve()
        if path.is_relative_to(stdlib) or not _LIBRARY_FOLDERS.isdisjoint(path.parts):
            return False
        return any(path.is_relative_to(folder) for folder in folders)

    return is_app_module


class AppModules:
    """The app modules imported so far; asking again costs little while nothing new is imported.

    Args:
        is_app_module: says whether the imported module of a name belongs to the app. Answers are kept.
        canonical: returns the name under which every process finds a module; the others are aliases.
    """

    def __init__(self, is_app_module: Predicate, canonical: Canonical) -> None:
        self._is_app_module = is_app_module
        self._canonical = canonical
        self._answers: dict[str, bool] = {}
        self._seen = -1
        self._modules: list[tuple[str, ModuleType]] = []

    def __contains__(self, name: str) -> bool:
        answer = self._answers.get(name)
        if answer is None:
            answer = self._is_app_module(name)
            if name in sys.modules:
                self._answers[name] = answer
        return answer

    def current(self) -> list[tuple[str, ModuleType]]:
        """Return (name, module) of every app module, in order of import."""
        known = sys.modules
        if len(known) != self._seen or any(known.get(name) is not module for name, module in self._modules):
            self._seen = len(known)
            self._modules = [
                (name, module)
                for name, module in list(known.items())
                if isinstance(module, ModuleType) and name in self and self._canonical(name) == name
            ]
        return self._modules
