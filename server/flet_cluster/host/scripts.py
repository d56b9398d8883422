"""Imports a Flet script as a real module that believes it was started (layer 3: no stores, no bus).

``python app.py`` runs a script as ``__main__``: classes and functions get ``__module__ == "__main__"``,
which means something else in every process. A session that moves between processes needs names that mean
the same everywhere, so the script is imported under its own name. Yet its ``if __name__ == "__main__":``
must hold, or ``ft.run`` is never reached.

Solution: the script goes through the ordinary import system with one change. In its syntax tree, a
comparison of ``__name__`` with the literal ``"__main__"`` sees ``"__main__"``. Everything else sees the
module's real name: ``__module__`` of classes, dataclasses, pickles, loggers, relative imports. Line numbers
and sources stay right. Byte code of such a module is never cached on disk, since it is not what the plain
import would produce.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, ModuleType

MAIN = "__main__"


class ScriptStopped(SystemExit):
    """Ends a script at its ``ft.run``: stock Flet would block there.

    A ``SystemExit``, so that ``except Exception`` in the script does not swallow it.
    """


class _NameIsMain(ast.NodeTransformer):
    """Lets comparisons of ``__name__`` with ``"__main__"`` see a script that was started."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Rewrite one comparison, and those inside it."""
        self.generic_visit(node)
        if any(_mentions_main(operand) for operand in (node.left, *node.comparators)):
            node.left = _started(node.left)
            node.comparators = [_started(operand) for operand in node.comparators]
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        """Rewrite ``match __name__: case "__main__"``."""
        self.generic_visit(node)
        if any(_mentions_main(part) for case in node.cases for part in ast.walk(case.pattern)):
            node.subject = _started(node.subject)
        return node


def _mentions_main(node: ast.AST) -> bool:
    """Whether an operand is the literal ``"__main__"``, alone or in a tuple, list or set."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(_mentions_main(item) for item in node.elts)
    return isinstance(node, ast.Constant) and node.value == MAIN


def _started(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Name) and node.id == "__name__":
        return ast.copy_location(ast.Constant(MAIN), node)
    return node


class ScriptLoader(SourceFileLoader):
    """Loads one source file; stops quietly where the script hands over to Flet.

    Args:
        fullname: name of the module.
        path: its source file.
        as_main: whether ``__name__ == "__main__"`` holds in it.
    """

    def __init__(self, fullname: str, path: str, *, as_main: bool) -> None:
        super().__init__(fullname, path)
        self._as_main = as_main

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source, without the byte code cache."""
        path = self.get_filename(fullname)
        tree: Any = ast.parse(self.get_data(path), path)
        if self._as_main:
            tree = _NameIsMain().visit(tree)
        return compile(tree, path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Run the script up to its ``ft.run``: what is defined by then is the module."""
        sys.argv[:1] = [self.path]
        try:
            super().exec_module(module)
        except SystemExit as stopped:
            # A script may turn its end into an exit of its own: try: ft.run(main) finally: sys.exit().
            if not isinstance(stopped, ScriptStopped) and not isinstance(stopped.__context__, ScriptStopped):
                raise


class _ScriptFinder(MetaPathFinder):
    """Answers for one module name while the program is being loaded."""

    def __init__(self, fullname: str, file: Path | None, *, as_main: bool) -> None:
        self._fullname = fullname
        self._file = file
        self._as_main = as_main

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the script's module; leave all others to Python."""
        if fullname != self._fullname:
            return None
        file, packages = self._file, None
        if file is None:
            found = PathFinder.find_spec(fullname, path, target)
            if found is None or not isinstance(found.loader, SourceFileLoader):
                return found
            file, packages = Path(found.loader.path), found.submodule_search_locations
        loader = ScriptLoader(fullname, str(file), as_main=self._as_main)
        return importlib.util.spec_from_file_location(
            fullname, file, loader=loader, submodule_search_locations=packages
        )


@contextlib.contextmanager
def script_importable(fullname: str, file: Path | None, *, as_main: bool) -> Iterator[None]:
    """Make ``import fullname`` run the script while this context lasts.

    Args:
        fullname: the module name the script gets.
        file: its source; None to look for the module where Python would.
        as_main: whether ``__name__ == "__main__"`` holds in it.
    """
    finder = _ScriptFinder(fullname, file, as_main=as_main)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
