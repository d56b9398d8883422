"""Makes Flet's hot path cheaper without changing what it does (layer 3: may import Flet).

* ``get_event_field_type`` evaluates annotations on each event: 30 % of an event's cost. Its answer depends
  on the control's class and the field only, so one look for each of them is enough (1.49 times the
  throughput).
* What kind of function a handler is shows in its code's flags: ``inspect`` asks much else first.
* Flet builds a whole signature to learn whether a handler takes an argument, and evaluates the annotations
  of a control's class for each property that a client changes.
* The diff logs 80 lines per event that its own log level drops.
* The diff asks ``parent != root`` for every child of the page, and a dataclass answers by reading all of its
  fields, 120 of them, twice: of one and the same object.
* What the diff does for what has not changed: :mod:`.fast_diff`.
"""

from __future__ import annotations

import inspect
import logging
from types import FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

from flet.controls import base_control, object_patch
from flet.controls.page import Page
from flet.utils import object_model

from flet_cluster.host import fast_diff

_resolve: Any = vars(base_control)["get_event_field_type"]
_known: WeakKeyDictionary[type, dict[str, Any]] = WeakKeyDictionary()


def _cached_event_field_type(control: Any, field_name: str) -> Any:
    """Answer of Flet's ``get_event_field_type``, remembered by class and field."""
    fields = _known.get(type(control))
    if fields is None:  # weakly: a class made in main is another one in each session
        fields = _known[type(control)] = {}
    if field_name not in fields:
        fields[field_name] = _resolve(control, field_name)
    return fields[field_name]


_count: Any = vars(base_control)["get_param_count"]


def _param_count(function: Any) -> int | None:
    """Answer of Flet's ``get_param_count``; for plain functions and methods without building a signature."""
    plain = function.__func__ if type(function) is MethodType else function
    if type(plain) is not FunctionType or plain.__dict__:  # a decorator may have left a signature there
        count: int | None = _count(function)
        return count
    code = plain.__code__
    extra = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    bound = int(plain is not function and code.co_argcount > 0)
    return code.co_argcount + code.co_kwonlyargcount + extra - bound


def flags_of(function: Any) -> int | None:
    """Return the flags of the code of a plain function or method; None for whatever needs a closer look."""
    plain = function.__func__ if type(function) is MethodType else function
    if type(plain) is not FunctionType or plain.__dict__:  # a decorator may have left a mark there
        return None
    return plain.__code__.co_flags


class _Inspect:
    """Stands for the module ``inspect`` where Flet asks what kind of function a handler is."""

    def __getattr__(self, name: str) -> Any:
        return getattr(inspect, name)

    @staticmethod
    def iscoroutinefunction(function: Any) -> bool:
        """Answer as ``inspect`` does."""
        flags = flags_of(function)
        return inspect.iscoroutinefunction(function) if flags is None else bool(flags & inspect.CO_COROUTINE)

    @staticmethod
    def isasyncgenfunction(function: Any) -> bool:
        """Answer as ``inspect`` does."""
        flags = flags_of(function)
        if flags is None:
            return inspect.isasyncgenfunction(function)
        return bool(flags & inspect.CO_ASYNC_GENERATOR)

    @staticmethod
    def isgeneratorfunction(function: Any) -> bool:
        """Answer as ``inspect`` does."""
        flags = flags_of(function)
        return inspect.isgeneratorfunction(function) if flags is None else bool(flags & inspect.CO_GENERATOR)


_hints: Any = vars(object_model)["get_type_hints"]
_known_hints: WeakKeyDictionary[type, dict[str, Any]] = WeakKeyDictionary()


def _cached_hints(cls: type, **names: Any) -> dict[str, Any]:
    """Answer of ``typing.get_type_hints``, remembered by class."""
    found = _known_hints.get(cls)
    if found is None:
        found = _known_hints[cls] = _hints(cls, **names)
    return found


def _silence(logger: logging.Logger) -> None:
    """Make the debug calls of a logger cheap that drops them anyway."""
    if not logger.isEnabledFor(logging.DEBUG):
        vars(logger)["debug"] = _nothing


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    """Do not log."""


def _equal_to_itself(cls: type) -> None:
    """Let a dataclass see at once that it equals itself."""
    compare: Any = cls.__eq__
    if getattr(compare, "_flet_cluster", False):
        return

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807  it becomes the class's
        """Return whether all fields are equal."""
        return True if self is other else compare(self, other)

    __eq__._flet_cluster = True  # type: ignore[attr-defined]  # noqa: SLF001  our own mark
    cls.__eq__ = __eq__  # type: ignore[assignment,method-assign]


def install() -> None:
    """Put the shortcuts in front of Flet's functions. Doing it twice is harmless."""
    vars(base_control)["get_event_field_type"] = _cached_event_field_type
    vars(base_control)["get_param_count"] = _param_count
    vars(base_control)["inspect"] = _Inspect()
    vars(object_model)["get_type_hints"] = _cached_hints
    _equal_to_itself(Page)
    _silence(vars(object_patch)["logger"])
    fast_diff.install()
