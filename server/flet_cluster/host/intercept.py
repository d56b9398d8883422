"""Catches what a script hands to Flet instead of letting Flet run it (layer 3: knows Flet's entry points).

While a program is loaded, ``flet.run``, ``flet.run_async`` and their older names ``flet.app(…)`` and
``flet.app_async`` record their arguments. The blocking ones end the script there, as in stock Flet nothing
after them runs until the app is over. ``export_asgi_app=True`` returns an application instead and lets the
script go on; it and ``flet.fastapi`` are those of a :class:`DropIn`. A script that would serve what it has
built, by ``uvicorn.run``, ends there as well: its application is served in the same way as any.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
import threading
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, cast

from flet_cluster.host.scripts import ScriptStopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_ENTRY_POINTS = ("run", "run_async", "app", "app_async")
_OLDER_MAIN = ("target", "session_handler")
"""What ``main`` was called in older Flet."""
_OLDER_ARGUMENTS = frozenset({"use_color_emoji", "auth_token", "permissions"})
"""What older ``ft.app`` took and today's ``ft.run`` does not; kept, for whoever knows what to do with it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a Flet entry point.

    Attributes:
        arguments: what was given explicitly, by Flet's parameter names, ``main`` included.
        asgi_app: what an ``export_asgi_app=True`` call returned to the script, with the routes the script
            added; what a script gave to ``uvicorn.run``.
        listening: where it wanted that to listen: ``host``, ``port``.
    """

    arguments: Mapping[str, Any]
    asgi_app: Any = None
    listening: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DropIn:
    """What scripts get that build an ASGI application of their own.

    Attributes:
        export: makes the application of ``ft.run(main, export_asgi_app=True)`` from its arguments.
        modules: stands for modules of Flet that scripts import, by name.
        servers: modules whose ``run`` a script may call with its application, as that of uvicorn.
    """

    export: Callable[[Mapping[str, Any]], Any]
    modules: Mapping[str, ModuleType]
    servers: Sequence[ModuleType] = ()

    def install(self) -> None:
        """Let later imports find the stand-ins; for good, since a handler may import as well."""
        for name, module in self.modules.items():
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent not in self.modules:  # a stand-in has its own names: "app" is its function
                setattr(importlib.import_module(parent), child, module)


@dataclass(slots=True)
class Recorder:
    """Stands in for Flet's entry points; keeps their calls in order. Made in the script's own thread."""

    drop_in: DropIn | None = None
    calls: list[Call] = field(default_factory=list)
    closed: bool = False
    thread: int = field(default_factory=threading.get_ident)

    def record(self, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Note one call; return an ASGI app if it asks for one, else end the script."""
        if self.closed:
            raise RuntimeError("ft.run was called while the app is being served: it is running already")
        kwargs = {"main" if key in _OLDER_MAIN else key: value for key, value in kwargs.items()}
        older = {key: kwargs.pop(key) for key in _OLDER_ARGUMENTS & kwargs.keys()}
        arguments = {**signature.bind(*args, **kwargs).arguments, **older}
        if not arguments.get("export_asgi_app"):
            self.calls.append(Call(arguments))
            self._stop()
        if self.drop_in is None:
            raise RuntimeError("export_asgi_app=True: whoever loads this script cannot make an ASGI app")
        asgi_app = self.drop_in.export(arguments)
        self.calls.append(Call(arguments, asgi_app))
        return asgi_app

    def note(self, main: Any, arguments: dict[str, Any]) -> NoReturn:
        """Note a call of this package's own ``run``, which takes more arguments; end the script."""
        self.calls.append(Call({"main": main, **arguments}))
        self._stop()

    def serve(self, app: Any, options: Mapping[str, Any], script: Mapping[str, Any]) -> NoReturn:
        """Note a call of ``uvicorn.run``; end the script.

        Args:
            app: an application, or ``module:name`` of one.
            options: what else was given.
            script: global names of the module that calls.
        """
        if isinstance(app, str):
            module, _, name = app.partition(":")
            app = script[name] if name in script else getattr(importlib.import_module(module), name)
        if options.get("factory"):
            app = app()
        listening = {name: options[name] for name in ("host", "port") if name in options}
        self.calls.append(Call({}, app, listening))
        self._stop()

    def _stop(self) -> NoReturn:
        """End the script; or only a thread of it, which Python does without a word for this very class."""
        raise ScriptStopped if threading.get_ident() == self.thread else SystemExit


_active: list[Recorder] = []


def active() -> Recorder | None:
    """Return the recorder of the program that is being loaded, if one is."""
    return _active[-1] if _active else None


def _callable_module(recorder: Recorder, signature: inspect.Signature) -> type[ModuleType]:
    """Build a module class that can be called: ``ft.app`` was a function and is a module in Flet 1.x."""

    class CallableModule(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return recorder.record(signature, args, kwargs)

    return CallableModule


def _stand_in(original: Callable[..., Any], recorder: Recorder, signature: inspect.Signature) -> Any:
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        return recorder.record(signature, args, kwargs)

    stand_in.__name__ = original.__name__
    stand_in.__doc__ = original.__doc__
    return stand_in


def _server(recorder: Recorder) -> Callable[..., NoReturn]:
    def run(app: Any, **options: Any) -> NoReturn:
        """Stand for ``uvicorn.run``."""
        recorder.serve(app, options, sys._getframe(1).f_globals)  # noqa: SLF001 - as uvicorn imports it by name

    return run


@contextlib.contextmanager
def flet_entry_points_recorded(drop_in: DropIn | None = None) -> Iterator[Recorder]:
    """Replace Flet's entry points while this context lasts; yield the recorder of their calls."""
    package, module = importlib.import_module("flet"), importlib.import_module("flet.app")
    recorder, undo = Recorder(drop_in), contextlib.ExitStack()
    if drop_in is not None:
        drop_in.install()
    # The widest of Flet's signatures: run_async lacks export_asgi_app only.
    signature = inspect.signature(module.run)
    for holder in (package, module):
        for name in _ENTRY_POINTS:
            original = getattr(holder, name, None)
            if inspect.isfunction(original):
                undo.callback(setattr, holder, name, original)
                setattr(holder, name, _stand_in(original, recorder, signature))
    for server in drop_in.servers if drop_in is not None else ():
        undo.callback(setattr, server, "run", server.run)
        cast("Any", server).run = _server(recorder)
    undo.callback(setattr, module, "__class__", module.__class__)
    module.__class__ = _callable_module(recorder, signature)
    _active.append(recorder)
    try:
        yield recorder
    finally:
        _active.remove(recorder)
        recorder.closed = True
        undo.close()
