"""Writes app modules to disk and imports them, as any process would."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from flet_cluster.snapshot import CodeIndex, Portables, capture, restore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

READER = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from flet_cluster.snapshot import CodeIndex, Portables, restore
root = restore(Path(sys.argv[2]).read_bytes(), CodeIndex([sys.argv[1]]), Portables())
print(json.dumps(eval(sys.argv[3])))
"""


class AppFolder:
    """A folder of app modules on ``sys.path``, with the code index and registry of one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.portables = Portables()
        self.code = CodeIndex([folder])
        self._names: set[str] = set()

    def write(self, source: str, name: str = "sample") -> None:
        """Write a module without importing it."""
        (self.folder / f"{name}.py").write_text(textwrap.dedent(source))

    def load(self, source: str, name: str = "sample") -> Any:
        """Write and import a module; import it anew if it was there."""
        self.write(source, name)
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        self._names.add(name)
        return importlib.import_module(name)

    def other_process(self) -> None:
        """Forget what this process knows about code, as a process just started."""
        self.code = CodeIndex([self.folder])

    def capture(self, root: object, externals: Mapping[str, object] | None = None) -> bytes:
        return capture(root, self.code, self.portables, externals)

    def restore(self, data: bytes, externals: Mapping[str, object] | None = None) -> Any:
        return restore(data, self.code, self.portables, externals)

    def copy(self, root: object, externals: Mapping[str, object] | None = None) -> Any:
        """There and back in this process."""
        return self.restore(self.capture(root, externals), externals)

    def elsewhere(self, root: object, expression: str) -> Any:
        """Restore in a fresh process; return the value of ``expression`` there."""
        data = self.folder / "snapshot.bin"
        data.write_bytes(self.capture(root))
        command = [sys.executable, "-W", "error", "-c", READER, str(self.folder), str(data), expression]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def forget(self) -> None:
        for name in self._names:
            sys.modules.pop(name, None)


def app_folder(folder: Path) -> Iterator[AppFolder]:
    """Make the folder importable for one test."""
    app = AppFolder(folder)
    sys.path.insert(0, str(folder))
    cached, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield app
    finally:
        sys.dont_write_bytecode = cached
        sys.path.remove(str(folder))
        app.forget()
