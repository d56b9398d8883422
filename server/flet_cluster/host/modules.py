"""Which modules belong to the app (layer 3: looks at files only).

The snapshot stores functions and classes of *app modules* with a fingerprint of their code, and everything
else by name. An app module is one whose source lies under the app's folder and is not an installed package.
"""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from functools import cached_property
from pathlib import Path

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_OURS = "flet_cluster"


class AppModules:
    """Decides for module names; remembers its answers.

    Args:
        folder: the app's folder.
        aliases: names that mean another module here, as ``__main__`` does for a script started with Python.
    """

    def __init__(self, folder: Path, aliases: dict[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.aliases = dict(aliases or {})
        self._known: dict[str, bool] = {}

    def canonical(self, name: str) -> str:
        """Return the name under which every node finds the module."""
        return self.aliases.get(name, name)

    def __contains__(self, name: str) -> bool:
        name = self.canonical(name)
        known = self._known.get(name)
        if known is None:
            known = self._decide(name)
            if name in sys.modules:
                self._known[name] = known
        return known

    def _decide(self, name: str) -> bool:
        if name.partition(".")[0] == _OURS:
            return False
        file = _source_file(name)
        return file is not None and self.owns(file)

    def owns(self, file: Path) -> bool:
        """Tell whether a source file is the app's own."""
        file = file.resolve()
        if not file.is_relative_to(self.folder) or _INSTALLED & set(file.parts):
            return False
        return not any(file.is_relative_to(place) for place in self._foreign)

    @cached_property
    def _foreign(self) -> list[Path]:
        """Places inside the app's folder that hold other people's code: Pythons and virtual environments."""
        library = [Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib")]
        environments = [marker.parent for marker in self.folder.glob("*/pyvenv.cfg")]
        # The stdlib may lie above the folder only in a frozen layout; excluding it then would exclude the
        # app.
        return [place for place in (*library, *environments) if place.is_relative_to(self.folder)]


class PackagedApp(AppModules):
    """The modules of an app that is a part of this package.

    Args:
        package: its name; what is below it is the app's own code, and nothing else is.
        folder: where it is.
    """

    def __init__(self, package: str, folder: Path) -> None:
        super().__init__(folder)
        self._package = package

    def _decide(self, name: str) -> bool:
        return f"{name}.".startswith(f"{self._package}.")


def _source_file(name: str) -> Path | None:
    module = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        return Path(file) if file else None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None
