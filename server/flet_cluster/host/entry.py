"""What a session begins with, and where the code of that is (layer 3; imports no Flet).

Usually that is the program's ``main``. A user's own route may make one for each request, around what only the
request knows: a closure, a partial, a method of an object. Such a ``main`` belongs to the session that the
request begins, and travels with it for as long as it has not run.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.snapshot import Portables


@dataclass(frozen=True, slots=True)
class Entry:
    """The functions that a session begins with.

    Attributes:
        main: the app's ``main(page)``.
        before_main: what runs before it, if anything. It is over before a session can travel.
        own: whether ``main`` is more than its code, so that no other node could find it by the code alone.
    """

    main: Callable[..., Any]
    before_main: Callable[..., Any] | None = None
    own: bool = False

    @classmethod
    def of_request(cls, main: Callable[..., Any], before_main: Callable[..., Any] | None) -> Entry:
        """Return the entry of a request that brought these functions."""
        return cls(main, before_main, own=not is_plain(main))


@dataclass(frozen=True, slots=True)
class Home:
    """Where the code of a callable is: the same for all that were made from it.

    Attributes:
        module: name of the module that defines the function, or the class of the object.
        qualname: its qualified name there.
        code: its code object; whatever stands for it where Python shows none.
    """

    module: str
    qualname: str
    code: Any


def function_of(main: Any) -> Any:
    """Return the function that runs in the end: of a partial, a method, a callable object."""
    while True:
        if isinstance(main, functools.partial):
            main = main.func
        elif isinstance(main, MethodType):
            main = main.__func__
        elif isinstance(main, FunctionType | type):
            return main
        elif isinstance(call := getattr(type(main), "__call__", None), FunctionType):  # noqa: B004  we want it
            return call
        elif hasattr(main, "__wrapped__"):  # functools.cache and the like
            main = main.__wrapped__
        else:
            return main


def home_of(main: Any) -> Home:
    """Return where the code of a callable is. Objects and methods are at home where their class is."""
    while isinstance(main, functools.partial):
        main = main.func
    function = function_of(main)
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", "main")
    owner = _owner(main, function)
    if owner is not None:
        module, qualname = owner.__module__, f"{owner.__qualname__}.{function.__name__}"
    return Home(module or "", qualname, getattr(function, "__code__", function))


def _owner(main: Any, function: Any) -> type | None:
    """Return the class that a method or a callable object belongs to, which may be that of another module."""
    if isinstance(main, MethodType):
        return main.__self__ if isinstance(main.__self__, type) else type(main.__self__)
    return None if main is function or hasattr(main, "__wrapped__") else type(main)


def is_plain(main: Any) -> bool:
    """Tell whether a callable's code is all there is to it."""
    if isinstance(main, type):
        return True
    return isinstance(main, FunctionType) and not (
        main.__closure__ or main.__defaults__ or main.__kwdefaults__ or vars(main)
    )


def register(portables: Portables) -> None:
    """Say at once what cannot travel of a request: pickle would walk through the whole server to find out."""
    portables.register(HTTPConnection, _refuse, subclasses=True)


def _refuse(_connection: HTTPConnection) -> Any:
    raise NotPortable("", "it is a connection of this node; keep what you need of it in a variable")
