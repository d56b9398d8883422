"""What the apps of a process are called in the cluster (layer 5)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable
from flet_cluster.host.entry import function_of, home_of
from flet_cluster.snapshot import CodeIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flet_cluster.host.program import Program

_NAME_LENGTH = 60
"""Longest name made here: a number must fit behind it, see :attr:`Settings.app_name`."""
_DIGEST_LENGTH = 8


def cut(name: str) -> str:
    """Return a name with allowed characters only, and short enough; different ones stay different."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name.replace("<locals>.", "")).strip("-")
    if len(plain) <= _NAME_LENGTH:
        return plain
    return f"{plain[: _NAME_LENGTH - _DIGEST_LENGTH - 1]}-{_digest(plain)}"


def stable_name(app_name: str | None, program: Program, main: Any, values: Sequence[tuple[str, str]]) -> str:
    """Return the name of an app that is made for its first visitor: no order takes part in it.

    It is made of the cluster's name for all, the module, the function (with a number, if the module's source
    has several of that name), and a digest of the settings that were given.

    Args:
        app_name: what the process was told to be called, if anything.
        program: the app.
        main: what it was made from.
        values: names and values of the settings that were given, sorted.
    """
    parts = [app_name or "", program.module, home_of(main).qualname]
    number = _position(program, main) + 1
    name = ".".join(filter(None, parts)) + (f"-{number}" if number > 1 else "")
    return cut(f"{name}-{_digest(repr(values))}" if values else name)


def _position(program: Program, main: Any) -> int:
    """Return how many functions of the same name stand before this one in its module's source."""
    function = function_of(main)
    if not hasattr(function, "__code__"):
        return 0
    try:
        return CodeIndex(program.is_app_module, program.modules.canonical).position(function)
    except NotPortable:
        return 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
