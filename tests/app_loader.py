"""Loads a sample app as it is and finds the ``main`` it gives to ``ft.run``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

import flet

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class App:
    """What an app passes to ``ft.run``."""

    main: Callable[..., Any]
    before_main: Callable[..., Any] | None = None


def load(name: str) -> App:
    """Import ``tests.apps.NAME``, or a module by its whole name.

    One that runs only as a script is asked for its ``main``.
    """
    calls: list[App] = []

    def run(main: Callable[..., Any], before_main: Callable[..., Any] | None = None, **_: Any) -> None:
        calls.append(App(main, before_main))

    with mock.patch.object(flet, "run", run):
        module = importlib.import_module(name if "." in name else f"tests.apps.{name}")
    return calls[0] if calls else App(module.main, getattr(module, "before_main", None))
