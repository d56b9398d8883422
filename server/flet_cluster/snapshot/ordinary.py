"""How objects travel that need no help of their own (layer 1: imports the standard library only).

Pickle asks an object for its hooks, ``__setstate__`` among them, by ordinary attribute access: while it is
being made it is blank, and a ``__getattr__`` that delegates to an attribute asks for that one for ever. What
counts is what the class *defines*: so hooks are looked up on the type, when written and when rebuilt.
"""

from __future__ import annotations

import copyreg
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from collections.abc import Callable

    Reducer = Callable[[Any], Any]

_new_object: Any = copyreg.__newobj__  # type: ignore[attr-defined]  # pickle knows it by its name
_new_object_ex: Any = copyreg.__newobj_ex__  # type: ignore[attr-defined]  # likewise
_slot_names: Callable[[type], list[str]] = copyreg._slotnames  # type: ignore[attr-defined]  # noqa: SLF001
_WORD = 8
_PICKLE = 5
_PARTS = 5
"""Items of a reduction before the function that sets the state."""
_PROTOCOL = ("__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__")
_NEEDS_ARGUMENTS = (
    "its __new__ needs arguments that nobody knows when it is rebuilt; "
    "give the class __getnewargs__ or __reduce__"
)


def reducer_for(cls: type) -> Reducer:
    """Return the reducer for objects of a class that nothing special is known about."""
    if needs_arguments(cls):
        return _refuse
    if asks_instances(cls):
        return by_type(cls) if cls not in copyreg.dispatch_table else reduce_default
    return reduce_plain if is_plain(cls) else reduce_default


def reduce_default(_obj: object) -> Any:
    """Leave the object to pickle."""
    return NotImplemented


def reduce_plain(obj: Any) -> Any:
    """Do what ``object.__reduce_ex__`` does for objects with only a ``__dict__``, at a fifth of its cost."""
    return _new_object, (type(obj),), obj.__dict__


def by_type(cls: Any) -> Reducer:
    """Return what does as ``object.__reduce_ex__``, and asks no object's ``__getattr__`` for anything."""
    is_list, is_dict = issubclass(cls, list), issubclass(cls, dict)
    is_known = has_default_reduction(cls) and (is_list or is_dict or _is_bare(cls))

    def reduce_by_type(obj: Any) -> Any:
        """Reduce an object of the class."""
        if is_known:
            items = list.__iter__(obj) if is_list else None
            pairs = iter(dict.items(obj)) if is_dict else None
            reduced = (*_made(cls, obj), cls.__getstate__(obj), items, pairs)
        else:
            reduced = cls.__reduce_ex__(obj, _PICKLE)
        if isinstance(reduced, str) or len(reduced) < 3 or reduced[2] is None or len(reduced) > _PARTS:  # noqa: PLR2004
            return reduced
        return (*reduced, *[None] * (_PARTS - len(reduced)), set_state)

    return reduce_by_type


def set_state(obj: Any, state: Any) -> None:
    """Do what pickle does with a state, except for asking the object what its type knows."""
    own = getattr(type(obj), "__setstate__", None)
    if own is not None:
        own(obj, state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:  # noqa: PLR2004  # what there is in __dict__, and in slots
        state, slots = state
    if state:
        object.__getattribute__(obj, "__dict__").update(state)
    for name, value in (slots or {}).items():
        object.__setattr__(obj, name, value)


def asks_instances(cls: type) -> bool:
    """Tell whether looking something up on an instance may run code of the class."""
    return any(
        "__getattr__" in vars(base) or isinstance(vars(base).get("__getattribute__"), FunctionType)
        for base in cls.__mro__
    )


def has_default_reduction(cls: type) -> bool:
    """Tell whether a class leaves it to ``object`` how its instances are taken apart."""
    return all(getattr(cls, name) is getattr(object, name) for name in _PROTOCOL[:2])


def needs_arguments(cls: type) -> bool:
    """Tell whether ``__new__`` of a class cannot be called with what pickle gives it."""
    new = cls.__new__
    if not isinstance(new, FunctionType) or not has_default_reduction(cls) or cls in copyreg.dispatch_table:
        return False
    given = [getattr(cls, name, None) for name in _PROTOCOL[-2:]]
    if any(isinstance(function, FunctionType) for function in given):
        return False
    arguments = [None] if any(given) else []  # those of numbers, texts and tuples give their value
    try:
        inspect.signature(new).bind(cls, *arguments)
    except TypeError:
        return True
    except ValueError:  # it has no signature
        return False
    return False


def is_plain(cls: type) -> bool:
    """Tell whether instances of ``cls`` are a ``__dict__`` only, with the ordinary pickling protocol."""
    if cls in copyreg.dispatch_table or cls.__dictoffset__ == 0 or cls.__itemsize__:
        return False
    pointers = (cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0)
    if cls.__basicsize__ != object.__basicsize__ + pointers * _WORD:
        return False
    if any(vars(base).get("__slots__") for base in cls.__mro__ if base is not object):
        return False
    return all(getattr(cls, name, None) is getattr(object, name, None) for name in _PROTOCOL)


def _is_bare(cls: type) -> bool:
    """Tell whether instances hold nothing but attributes: a ``__dict__``, slots."""
    pointers = (cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0) + len(_slot_names(cls))
    return not cls.__itemsize__ and cls.__basicsize__ == object.__basicsize__ + pointers * _WORD


def _made(cls: Any, obj: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return what makes a blank object."""
    extended, plain = getattr(cls, "__getnewargs_ex__", None), getattr(cls, "__getnewargs__", None)
    if extended is not None:
        arguments, keywords = extended(obj)
        return _new_object_ex, (cls, arguments, keywords)
    return _new_object, (cls, *(plain(obj) if plain is not None else ()))


def _refuse(_obj: object) -> Any:
    raise NotPortable("", _NEEDS_ARGUMENTS)
