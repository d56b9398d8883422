"""Exceptions that an app keeps (layer 1: imports the standard library and siblings only).

Pickle rebuilds an exception by calling its class with ``args``. A class whose ``__init__`` makes its message
from something else would be called with the finished message: it fails, or nests the message in itself at
each restore.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer


def bare_exception(cls: Any, args: tuple[Any, ...]) -> BaseException:
    """Return an exception with these ``args``, without running an ``__init__`` written in Python."""
    builtin = next(base for base in cls.__mro__ if not isinstance(base.__init__, types.FunctionType))
    error: BaseException = cls.__new__(cls, *args)
    builtin.__init__(error, *args)
    return error


def _reduce_exception(error: BaseException) -> Any:
    cls = type(error)
    own_protocol = (
        cls.__reduce__ is not BaseException.__reduce__ or cls.__reduce_ex__ is not object.__reduce_ex__
    )
    if own_protocol or not isinstance(cls.__init__, types.FunctionType):
        return NotImplemented
    return bare_exception, (cls, error.args), vars(error) or None


EXCEPTION_FAMILIES: list[tuple[type, Reducer]] = [(BaseException, _reduce_exception)]
