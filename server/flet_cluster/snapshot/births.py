"""Which names every process has: those that held something when its first session began (layer 1).

A module's global that some function binds later (``db = None``, and ``global db; db = Db()`` in ``main``)
holds nothing in a process where nobody has called that yet. Kept are names and names of types only.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Births:
    """What the names of the app's modules held when they were made. One for each code index.

    Attributes:
        begun: whether there are sessions; until then every name is one that others have.
    """

    def __init__(self) -> None:
        self.begun = False
        self._types: dict[str, str] = {}
        self._modules: set[str] = set()

    def knows(self, name: str) -> bool:
        """Tell whether a module has been added."""
        return name in self._modules

    def add(self, name: str, module: ModuleType, named: Iterable[tuple[str, object]]) -> None:
        """Note what a new module's names hold.

        In a module that a session has imported they may have been bound by then; what its text binds to
        nothing does not count.

        Args:
            name: of the module.
            module: the module.
            named: (name, object) of all its names, see :mod:`.names`.
        """
        self._modules.add(name)
        empty = {f"{name}:{path}" for path in bound_to_nothing(module)} if self.begun else set()
        self._types.update((key, type(obj).__qualname__) for key, obj in named if key not in empty)

    def is_late(self, name: str, obj: object) -> bool:
        """Tell whether another process may have nothing, or something else, under the name of ``obj``."""
        return (
            self.begun and self._types.get(name) != type(obj).__qualname__ and not name.endswith("__")
        )  # Python and libraries keep things in such names, and make them anew


def bound_to_nothing(module: ModuleType) -> set[str]:
    """Return the paths (``db``, ``Config.one``) that a module binds to constants only, or in functions."""
    try:
        tree = ast.parse(Path(module.__file__ or "").read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return set()
    made: set[str] = set()
    empty = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    _sort(tree.body, "", made, empty)
    return empty - made


def _sort(body: list[ast.stmt], prefix: str, made: set[str], empty: set[str]) -> None:
    """Sort what statements of a module or class bind."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            made.add(prefix + node.name)
            _sort(node.body, f"{prefix}{node.name}.", made, empty)
        elif isinstance(node, _FUNCTIONS):
            made.add(prefix + node.name)
        else:
            constant = isinstance(getattr(node, "value", None), (ast.Constant, type(None)))
            plain = isinstance(node, (ast.Assign, ast.AnnAssign)) and constant
            (empty if plain else made).update(prefix + name for name in _stored(node))


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in its own scope."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        yield node.name
        return
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    if not isinstance(node, _FUNCTIONS):
        for child in ast.iter_child_nodes(node):
            yield from _stored(child)
