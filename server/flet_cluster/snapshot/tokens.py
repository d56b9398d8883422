"""What a snapshot's stream calls on restore (layer 1: imports the standard library only).

The pickler's memo is pre-seeded with these, so writing one costs two bytes and no lookup; the unpickler
gets what they stand for from a short prologue. Their order is part of the format.
"""

from __future__ import annotations

import weakref
from types import CellType, MethodType
from typing import Any, NoReturn


class Token:
    """Stands for something the restoring side supplies; pickle wants a callable in its place."""

    __slots__ = ("label",)

    def __init__(self, label: str) -> None:
        self.label = label

    def __call__(self, *_args: Any) -> NoReturn:
        """Refuse: this process writes."""
        raise TypeError(f"{self.label} exists on the restoring side only")


CLASS = Token("class")
"""``CLASS(reference, marks)``: the class of that name."""

FUNCTION = Token("function")
"""``FUNCTION(reference, closure)``: a new function over code found by reference."""

FUNCTION_STATE = Token("function state")
"""``FUNCTION_STATE(function, state)``: defaults, attributes and what else differs from the code's own."""

NAMED = Token("named")
"""``NAMED(name)``: the object of that name; with ``#fingerprint`` for a function that must be unchanged."""

LATER = Token("later")
"""``LATER(object, items)``: fill a weak container once every object is complete (hashes may need that), or
call what :meth:`Portables.finish` registered for the object's type."""

CLASS_STATE = Token("class state")
"""``CLASS_STATE(class, attributes)``: the content of a class that travels by value."""

FIXED: tuple[object, ...] = (
    CLASS,
    CLASS_STATE,
    FUNCTION,
    FUNCTION_STATE,
    NAMED,
    LATER,
    weakref.ref,
    CellType,
    MethodType,
)
"""The seeds that every stream begins with."""
