"""Finds older spellings in an app's source (layer 3; imports no Flet, runs nothing of the app).

A name counts only where it cannot mean anything else: ``ft.…`` through whatever the module calls Flet, a
page by its name or annotation, an argument of a Flet class. What reads like nothing of today's Flet
(``update_async``) counts on any object of a module that imports Flet, unless the app defines it itself.
"""

from __future__ import annotations

import ast
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from flet_cluster.host.compat import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_FLET = "flet"
_UNMISTAKABLE = frozenset(
    {"client_storage", *(name for name in names.PAGE if name.endswith("_async")), *names.CONTROL}
)


class Spelling(NamedTuple):
    """One row of the tables in :mod:`names`: which table, and the name in it."""

    table: str
    name: str


@dataclass
class Usage:
    """What an app uses.

    Attributes:
        places: file and line of every use, by spelling, in the order in which they were found.
        classes: names of today's Flet classes that the app mentions.
        field_texts: where an older property of text fields stands, on whatever object.
    """

    places: dict[Spelling, list[tuple[Path, int]]] = field(default_factory=lambda: defaultdict(list))
    classes: set[str] = field(default_factory=set)
    field_texts: dict[str, list[tuple[Path, int]]] = field(default_factory=lambda: defaultdict(list))

    def of(self, table: str) -> list[str]:
        """Return the names found of one table."""
        return [found.name for found in self.places if found.table == table]


def usage_of(sources: Mapping[Path, ast.Module]) -> Usage:
    """Return what the modules of an app use."""
    usage = Usage()
    defined = {name for tree in sources.values() for name in _defined(tree)}
    assigned = {name for tree in sources.values() for name in _assigned(tree)}
    for path, tree in sources.items():
        _Reader(usage, path, tree, defined, assigned).visit(tree)
    if "TextField" in usage.classes and not usage.classes & names.OTHER_FIELDS:
        for name, places in usage.field_texts.items():
            usage.places[Spelling("keywords", f"TextField.{name}")] += places
    return usage


def _defined(tree: ast.Module) -> Iterable[str]:
    return (
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )


def _assigned(tree: ast.Module) -> Iterable[str]:
    """Yield the attributes that the app gives to objects of its own: to anything but a page."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if _last(node.value).strip("_") != "page":
                yield node.attr
        elif isinstance(node, ast.ClassDef):
            for step in node.body:
                targets = step.targets if isinstance(step, ast.Assign) else [getattr(step, "target", None)]
                yield from (target.id for target in targets if isinstance(target, ast.Name))


class _Reader(ast.NodeVisitor):
    """Reads one module."""

    def __init__(
        self, usage: Usage, path: Path, tree: ast.Module, defined: set[str], assigned: set[str]
    ) -> None:
        self._usage = usage
        self._path = path
        self._defined = defined
        self._own = defined | assigned
        self._aliases = {"ft": _FLET, "flet": _FLET}
        self._star = False
        self._imports_flet = False
        self._pages: set[str] = set()
        self._bases: list[set[str]] = []
        for node in ast.walk(tree):
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        """Learn what the module calls Flet and its pages, before anything is looked at."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == _FLET:
                    self._imports_flet = True
                    if alias.name == _FLET:
                        self._aliases[alias.asname or _FLET] = _FLET
        elif isinstance(node, ast.ImportFrom) and node.module == _FLET and not node.level:
            self._imports_flet = True
            for alias in node.names:
                self._star = self._star or alias.name == "*"
                self._aliases[alias.asname or alias.name] = f"{_FLET}.{alias.name}"
        elif isinstance(node, ast.arg) and node.annotation is not None and _last(node.annotation) == "Page":
            self._pages.add(node.arg)

    def _found(self, table: str, name: str, node: ast.AST) -> None:
        self._usage.places[Spelling(table, name)].append((self._path, getattr(node, "lineno", 0)))

    def _chain(self, node: ast.AST) -> list[str]:
        """Return ``["flet", "icons", "ADD"]`` of ``ft.icons.ADD``; begins with ``?`` if that is unknown."""
        if isinstance(node, ast.Attribute):
            return [*self._chain(node.value), node.attr]
        if not isinstance(node, ast.Name):
            return ["?"]
        known = self._aliases.get(node.id)
        if known is None and self._star and (node.id in names.NAMES or node.id in names.KEYWORDS):
            known = f"{_FLET}.{node.id}"
        return known.split(".") if known else [node.id]

    def _class(self, node: ast.AST) -> str:
        """Return the name today of the Flet class that an expression names, or ""."""
        chain = self._chain(node)
        return names.NAMES.get(chain[1], chain[1]) if chain[0] == _FLET and len(chain) == 2 else ""  # noqa: PLR2004

    # -- names and attributes -----------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        """``ElevatedButton`` after ``from flet import ElevatedButton``."""
        if isinstance(node.ctx, ast.Load):
            self._look(self._chain(node), node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """``ft.colors.RED``, ``self.page.add_async``, ``self.name_field.error_text``."""
        chain = self._chain(node)
        self._look(chain, node)
        if chain[0] == "?":
            self.visit(_root(node))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from flet import ElevatedButton``: the import itself needs the name."""
        if node.module == _FLET and not node.level:
            for alias in node.names:
                self._flet_name([_FLET, alias.name], node)

    def _look(self, chain: list[str], node: ast.AST) -> None:
        """Compare a chain of names with the tables."""
        if chain[0] == _FLET:
            self._flet_name(chain, node)
            return
        for holder, name in itertools.pairwise(chain):
            self._attribute(holder, name, node)
        for outer, holder, name in zip(chain, chain[1:], chain[2:], strict=False):
            self._below_page(outer, holder, name, node)
        if chain[-1] in names.TEXT_FIELD and self._imports_flet and chain[-1] not in self._defined:
            self._usage.field_texts[chain[-1]].append((self._path, getattr(node, "lineno", 0)))

    def _flet_name(self, chain: list[str], node: ast.AST) -> None:
        if len(chain) == 1:  # the module itself, as in ``hasattr(ft, "Button")``
            return
        name, *rest = [*chain[1:], ""]
        today = names.NAMES.get(name, name)
        self._usage.classes.add(today)
        if f"ft.{name}" in names.GONE:
            self._found("gone", f"ft.{name}", node)
        elif name in names.NAMES and (name not in names.STILL_MODULES or rest[0].isupper()):
            self._found("names", name, node)
            if today in names.KEYWORDS:  # an older class has its older properties
                for keyword in names.KEYWORDS[today]:
                    self._usage.places[Spelling("keywords", f"{today}.{keyword}")] += []
        if rest[0] and f"{today}.{rest[0]}" in names.ATTRIBUTES:
            self._found("attributes", f"{today}.{rest[0]}", node)

    def _attribute(self, holder: str, name: str, node: ast.AST) -> None:
        """One step of a chain: ``page.NAME``, or what means the same on anything."""
        on_page = self._is_page(holder)
        certain = on_page or (self._imports_flet and name in _UNMISTAKABLE and name not in self._own)
        if name in names.CONTROL and certain:
            self._found("control", name, node)
        elif name in names.PAGE and certain:
            self._found("page", name, node)
        elif on_page and f"page.{name}" in names.GONE:
            self._found("gone", f"page.{name}", node)

    def _below_page(self, outer: str, holder: str, name: str, node: ast.AST) -> None:
        """Two steps: ``page.session.set``, ``page.pubsub.send_all_async``."""
        if holder == "pubsub" and name in names.PUBSUB:
            self._found("pubsub", name, node)
        elif holder == "session" and name in names.SESSION and self._is_page(outer):
            self._found("session", name, node)
        elif f"page.{holder}.{name}" in names.GONE and (self._is_page(outer) or holder not in self._own):
            self._found("gone", f"page.{holder}.{name}", node)

    def _is_page(self, name: str) -> bool:
        return name in self._pages or (self._imports_flet and name.strip("_") == "page")

    # -- classes and calls --------------------------------------------------------------------------

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Remember what a class inherits from while its body is read."""
        self._bases.append({self._class(base) for base in node.bases} - {""})
        self.generic_visit(node)
        self._bases.pop()

    def visit_Call(self, node: ast.Call) -> None:
        """Keyword arguments of Flet's classes, also by way of ``super().__init__``."""
        cls = self._class(node.func)
        classes = {cls} if cls else self._bases[-1] if self._bases and _is_super_init(node.func) else set()
        given = [keyword.arg for keyword in node.keywords if keyword.arg]
        for name in classes:
            for keyword in given:
                if keyword in names.KEYWORDS.get(name, ()):
                    self._found("keywords", f"{name}.{keyword}", node)
            if name == "Tabs" and "tabs" in given:
                self._found("shapes", "Tabs(tabs=)", node)
            if name == "View" and _route_first(node):
                self._found("shapes", "View(route, controls)", node)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """A statement that is a call of what has become a coroutine."""
        self._dropped(node.value)
        self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """The same as the body of a lambda: nobody awaits what a handler returns."""
        self._dropped(node.body)
        self.generic_visit(node)

    def _dropped(self, node: ast.expr) -> None:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return
        name, holder = node.func.attr, self._chain(node.func)[-2]
        if name not in names.NOW_ASYNC or not self._imports_flet or name in self._defined:
            return
        if name != "login" or self._is_page(holder):
            self._found("now_async", name, node)


def _last(node: ast.expr) -> str:
    """Return the last name of an annotation: ``Page`` of ``ft.Page`` and of ``"ft.Page"``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.rpartition(".")[2]
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _root(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _is_super_init(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "__init__"
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "super"
    )


def _route_first(node: ast.Call) -> bool:
    """Whether ``ft.View("/", [...])``: today the controls come first."""
    if not node.args:
        return False
    texts = (ast.Constant, ast.JoinedStr)
    return isinstance(node.args[0], texts) or (len(node.args) > 1 and isinstance(node.args[1], ast.List))
