"""Finds out what a Flet script would run (layer 3: imports no stores, no bus).

A *target* is one of

- ``app.py`` or ``folder/app.py``: a script, run as if by ``python app.py``;
- ``.`` or ``folder``: the ``main.py`` in it, or in its ``src``, as ``flet run`` finds it;
- ``pkg.mod``: a module, run as if by ``python -m pkg.mod``;
- ``app.py:main``, ``pkg.mod:main``: a function, found by importing the module;
- ``asgi.py:app``, ``pkg.mod:app``: an ASGI application that the script builds around its Flet apps.

Nothing is served here: loading ends where the script calls ``ft.run``.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import itertools
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from flet_cluster.errors import ProgramError
from flet_cluster.host import compat, scripts
from flet_cluster.host.app_names import default_name
from flet_cluster.host.arguments import settings_of
from flet_cluster.host.entry import home_of
from flet_cluster.host.folders import script_in
from flet_cluster.host.intercept import Call, Recorder, flet_entry_points_recorded
from flet_cluster.host.modules import AppModules
from flet_cluster.host.scripts import MAIN, script_importable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from flet_cluster.host.intercept import DropIn

ASGI_PARAMETERS = 3
_NO_ARGUMENTS: dict[str, Any] = {}
_ASSETS = "assets"
"""Flet's default for ``assets_dir``, whether or not there is such a folder."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """An app, ready to be hosted.

    Attributes:
        main: what runs for each new session.
        before_main: what runs before it, if anything.
        name: the default app name, of the module's last component; the same on every node.
        module: the module the program was loaded from, importable under this name on every node.
        path: its source file.
        arguments: what the script gave to ``ft.run`` explicitly, by Flet's parameter names.
        modules: which modules are the app's own.
        asgi_app: for scripts that build an ASGI application (``export_asgi_app=True``, or one that is named
            as target): that application, which is what is served then.
    """

    main: Callable[..., Any]
    before_main: Callable[..., Any] | None
    name: str
    module: str
    path: Path
    modules: AppModules
    arguments: Mapping[str, Any] = field(default_factory=dict)
    asgi_app: Any = None

    def is_app_module(self, name: str) -> bool:
        """Tell whether a module is the app's own code, by its name."""
        return name in self.modules

    def settings(self) -> dict[str, Any]:
        """Return the script's arguments as fields of :class:`flet_cluster.settings.Settings`.

        Folders are resolved against the script's folder, as Flet does. Like in Flet, an ``assets`` folder
        beside the script is served even if it is not mentioned. ``view=None`` says that nobody wants to see
        the app; every other view is a browser here.
        """
        given = self.arguments
        if self.asgi_app is not None:
            return dict(given)  # where to listen; all else the script gave to the apps it built
        return {
            **settings_of(given),  # flet_cluster.run takes settings as well
            "app_path": given.get("name") or None,
            "host": given.get("host") or None,
            "port": given.get("port") or None,
            "assets_dir": self._assets(given.get("assets_dir", _ASSETS)),
            "upload_dir": self._folder(given.get("upload_dir")),
            "web_renderer": _plain(given.get("web_renderer")),
            "route_url_strategy": _plain(given.get("route_url_strategy")),
            "no_cdn": given.get("no_cdn"),
            "open_browser": False if given.get("view", "") is None else given.get("open_browser"),
        }

    def _assets(self, value: str | None) -> Path | None:
        """Return the folder of assets; one of the usual name that is not there was not meant."""
        folder = self._folder(value)
        return None if folder is not None and value == _ASSETS and not folder.is_dir() else folder

    def _folder(self, value: str | None) -> Path | None:
        return (self.path.parent / value).resolve() if value else None


def _plain(value: Any) -> Any:
    """Return an enum member's value; other things as they are."""
    return getattr(value, "value", value)


@dataclass(frozen=True, slots=True)
class _Target:
    """A target, resolved to the module to import.

    Attributes:
        module: the name the module gets.
        name: the default app name.
        file: the script, or None if Python is to find the module.
        attribute: dotted name of the function, or "".
        root: what goes first on ``sys.path``.
    """

    module: str
    name: str
    file: Path | None
    attribute: str
    root: Path


_loaded: dict[_Target, tuple[ModuleType, Program]] = {}
"""Programs of this process: a script runs once, however often it is asked for."""


def load_program(target: str, argv: Sequence[str] = (), drop_in: DropIn | None = None) -> Program:
    """Load the app that a target names.

    Like Python itself, this puts the script's folder first on ``sys.path`` and sets ``sys.argv``, for good.

    Args:
        target: see the module's description.
        argv: arguments for the script, ``sys.argv[1:]``.
        drop_in: what scripts get that build an ASGI application.

    Raises:
        ProgramError: there is no such app, or it failed; the message says what to do.
    """
    resolved = _resolve(target)
    if str(resolved.root) not in sys.path[:1]:
        sys.path.insert(0, str(resolved.root))
    importlib.invalidate_caches()
    known = _loaded.get(resolved)
    if known is not None and sys.modules.get(resolved.module) is known[0]:
        return known[1]
    # A module that was imported before did not see __name__ == "__main__": it is run again.
    sys.modules.pop(resolved.module, None)
    sys.argv = [str(resolved.file or resolved.module), *argv]
    _let_older_spellings_work(resolved)
    with (
        flet_entry_points_recorded(drop_in) as recorder,
        script_importable(resolved.module, resolved.file, as_main=not resolved.attribute),
    ):
        _run(resolved, recorder)
    program = _program(resolved, recorder.calls)
    _loaded[resolved] = (sys.modules[resolved.module], program)
    return program


def program_of(main: Callable[..., Any], **arguments: Any) -> Program:
    """Describe an app whose ``main`` is at hand.

    If ``main`` was defined by a script that Python itself started (``__main__``), the module is also
    registered under the script's name, so that what other nodes store about this app's code is found here,
    and the other way round. :meth:`AppModules.canonical` maps the one name to the other.

    Args:
        main: the app's ``main(page)``.
        arguments: further arguments of ``ft.run``.

    Raises:
        ProgramError: other nodes could not find it, since it is in no module's file.
    """
    module = sys.modules.get(home_of(main).module)
    file = getattr(module, "__file__", None)
    if module is None or not file:
        raise ProgramError(
            f"{main!r} does not say which module it comes from. Other nodes find an app's code by module: "
            "define main with def, in a file."
        )
    path, name, aliases = Path(file).resolve(), module.__name__, {}
    if name == MAIN:
        name = _module_name(path)
        aliases[MAIN] = name
        sys.modules.setdefault(name, module)
    modules = AppModules(_root_of(name, path), aliases)
    compat.activate(path, modules)
    return Program(
        main=main,
        before_main=arguments.get("before_main"),
        name=default_name(name),
        module=name,
        path=path,
        modules=modules,
        arguments=arguments,
    )


def _resolve(target: str) -> _Target:
    """Find the file or module that a target names."""
    place, _, attribute = target.partition(":") if not _drive(target) else (target, "", "")
    file = script_in(Path(place)) or Path(place)
    if place.endswith(".py") or file.is_file():
        file = file.resolve()
        if not file.is_file():
            raise ProgramError(f"There is no file {place}. Name a Python file, or a module as pkg.mod.")
        module = _module_name(file)
        return _Target(module, default_name(module), file, attribute, file.parent)
    if not all(part.isidentifier() for part in place.split(".")):
        if Path(place).is_dir():
            raise ProgramError(
                f"There is no main.py in {Path(place)}. Name the script: {Path(place) / 'app.py'}"
            )
        raise ProgramError(f"{target!r} is neither a Python file nor a module. Try app.py or pkg.mod:main.")
    return _resolve_module(place, attribute)


def _drive(target: str) -> bool:
    """Whether the colon in a target is only that of a Windows drive."""
    return target.count(":") == 1 and Path(target).is_absolute() and target.endswith(".py")


def _resolve_module(place: str, attribute: str) -> _Target:
    """Resolve a module path; a package that can be run stands for its ``__main__``."""
    root = Path.cwd()
    if str(root) not in sys.path[:1]:
        sys.path.insert(0, str(root))
    parent = place.rpartition(".")[0]
    try:
        spec = importlib.util.find_spec(place)
        runnable = (
            spec is not None
            and spec.submodule_search_locations is not None
            and not attribute
            and importlib.util.find_spec(f"{place}.{MAIN}") is not None
        )
    except ModuleNotFoundError as error:
        if error.name is None or not (parent + ".").startswith(error.name + "."):
            raise ProgramError(_traceback(error, f"Importing {parent} failed:")) from error
        spec, runnable = None, False
    except Exception as error:
        raise ProgramError(_traceback(error, f"Importing {parent or place} failed:")) from error
    if spec is None:
        raise ProgramError(
            f"There is no module {place!r} here or among the installed packages. Modules are looked for in "
            f"the current directory; for a script, name the file: {place.replace('.', '/')}.py"
        )
    module = f"{place}.{MAIN}" if runnable else place
    return _Target(module, default_name(place), None, attribute, root)


def _module_name(file: Path) -> str:
    """Return the module name of a script: its stem, unless that would hide a module of Python."""
    stem = file.stem.replace(".", "_")
    if stem in sys.stdlib_module_names or stem in sys.builtin_module_names:
        return f"{stem}_app"
    loaded = sys.modules.get(stem)
    loaded_from = getattr(loaded, "__file__", None)
    if loaded is not None and (not loaded_from or Path(loaded_from).resolve() != file):
        return f"{stem}_app"
    return stem


def _let_older_spellings_work(target: _Target) -> None:
    """Read the program's sources before any of it runs; see :mod:`flet_cluster.host.compat`."""
    file = target.file
    if file is None:
        spec = importlib.util.find_spec(target.module)
        if spec is None or not spec.has_location or not spec.origin:
            return
        file = Path(spec.origin)
    compat.activate(file, AppModules(target.root))


def _run(target: _Target, recorder: Recorder) -> None:
    """Import the program's module; turn whatever goes wrong into a message."""
    try:
        importlib.import_module(target.module)
    except SystemExit as stopped:
        if not recorder.calls:
            raise ProgramError(
                f"{target.module} exited (code {stopped.code}) before it called ft.run."
            ) from stopped
    except Exception as error:
        raise ProgramError(_traceback(error, f"{target.module} failed before it called ft.run:")) from error


def _program(target: _Target, calls: list[Call]) -> Program:
    module = sys.modules[target.module]
    path = Path(module.__file__ or target.root).resolve()
    call = calls[0] if calls else None
    if target.attribute:
        main = _attribute(module, target)
        if _is_asgi(main):
            return _asgi_program(target, path, main)
        if call is not None and call.arguments.get("main") is not main:
            call = None
    elif call is None:
        raise ProgramError(_nothing_to_run(path.name, module))
    elif call.asgi_app is not None:
        return _asgi_program(target, path, call.asgi_app, call.listening)
    else:
        main = call.arguments["main"]
    _check_main(main, target.module, path.name)
    arguments = dict(call.arguments) if call else _NO_ARGUMENTS
    return Program(
        main=main,
        before_main=arguments.get("before_main"),
        name=target.name,
        module=target.module,
        path=path,
        modules=AppModules(_root_of(target.module, path)),
        arguments={key: value for key, value in arguments.items() if key not in {"main", "before_main"}},
    )


def _check_main(main: Any, module: str, script: str) -> None:
    """Refuse a main that other nodes could not find, or nobody could call. Raises ProgramError."""
    home = getattr(main, "__module__", None) or module
    if home not in sys.modules:
        raise ProgramError(
            f"{home} calls ft.run while it is being imported, so it cannot be found again by its name. "
            f"Move the call to {script}, or name the function itself: {home}:{main.__name__}."
        )
    if not callable(main):
        raise ProgramError(f"{script}: main is {main!r}, not a function that takes a page.")


def _nothing_to_run(script: str, module: Any) -> str:
    """Say what to do with a script that neither ran nor exported an app; it may have built an ASGI app."""
    built = [name for name, value in vars(module).items() if isinstance(value, Starlette)]
    if built:
        return f"{script} never called ft.run, but builds an ASGI application. Name it: {script}:{built[0]}"
    defined = _defined_by(module)
    named = "main" if "main" in defined or not defined else defined[0]
    return (
        f"{script} never called ft.run. End it with ft.run({named}), "
        f"or name the function to run: {script}:{named}"
    )


def _asgi_program(
    target: _Target, path: Path, application: Any, listening: Mapping[str, Any] = _NO_ARGUMENTS
) -> Program:
    """Describe a script that builds its own ASGI application; who made its Flet apps knows them."""
    return Program(
        main=application,
        before_main=None,
        name=target.name,
        module=target.module,
        path=path,
        modules=AppModules(_root_of(target.module, path)),
        arguments=listening,
        asgi_app=application,
    )


def _is_asgi(value: Any) -> bool:
    """Whether a value takes what ASGI servers give: scope, receive and send. ``main`` takes a page."""
    if inspect.isclass(value):
        return False
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
    return len(required) == ASGI_PARAMETERS


def _root_of(module: str, path: Path) -> Path:
    """Return the folder that holds the app: that of the script, or of the module's top package."""
    levels = module.count(".") + (path.name == "__init__.py")
    return path.parents[levels]


def _attribute(module: Any, target: _Target) -> Any:
    value = module
    for part in target.attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            functions = sorted(_defined_by(module))
            raise ProgramError(
                f"{target.module} has no {target.attribute!r}. "
                f"It defines: {', '.join(functions) or 'nothing'}."
            ) from None
    return value


def _defined_by(module: Any) -> list[str]:
    """Return the names of what a module defines and can be called."""
    return [
        name
        for name, item in vars(module).items()
        if callable(item) and getattr(item, "__module__", None) == module.__name__
    ]


def _is_loading(frame: traceback.FrameSummary) -> bool:
    """Whether a frame is the import system or ours, before it reaches the script."""
    name = frame.filename
    return "importlib" in name or name in {__file__, scripts.__file__, ast.__file__}


def _traceback(error: BaseException, headline: str) -> str:
    """Format a script's failure without the frames of the import system and of this module."""
    frames = list(itertools.dropwhile(_is_loading, traceback.extract_tb(error.__traceback__)))
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return f"{headline}\n\nTraceback (most recent call last):\n{''.join(lines)}"
