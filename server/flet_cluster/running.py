"""Decides between one process and several, and starts them (layer 5).

One worker is one process: this one, without a supervisor, unless it is to follow changes of the code.
``flet_cluster.run`` is the same thing called from a script.
"""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flet_cluster import desktop, listening, tls
from flet_cluster.errors import ClusterError, ProgramError
from flet_cluster.host import compat, intercept
from flet_cluster.host.arguments import refuse_unknown
from flet_cluster.host.entry import home_of
from flet_cluster.host.program import load_program
from flet_cluster.logs import configure_logging, say
from flet_cluster.management import managed
from flet_cluster.serving import serve, warn_of_unknown_variables
from flet_cluster.settings import Settings
from flet_cluster.sight import sight_of
from flet_cluster.supervisor import Plan, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flet_cluster.host.program import Program

    Factory = Callable[[Program, Settings], Any]

APP_FACTORY = "flet_cluster.fastapi.hosted:application_of"
"""Makes the ASGI application of a node."""


def factory_named(name: str) -> Factory:
    """Import a factory by ``module:function``."""
    module, _, function = name.partition(":")
    factory: Factory = getattr(importlib.import_module(module), function)
    return factory


def load_with_drop_in(target: str, argv: Sequence[str], command_line: Mapping[str, Any]) -> Program:
    """Load a program whose own ASGI application, if it builds one, is made of this package's parts.

    Args:
        target: see :mod:`flet_cluster.host.program`.
        argv: arguments for the script.
        command_line: settings that win over what the script says.
    """
    from flet_cluster.fastapi.hosted import DROP_IN  # noqa: PLC0415  Flet takes a while to import
    from flet_cluster.fastapi.manager import app_manager  # noqa: PLC0415  the same

    app_manager.command_line = command_line
    app_manager.warned = True  # the process or its supervisor does, once its log is set up
    with compat.held():
        return load_program(target, argv, DROP_IN)


def asked_by(program: Program) -> Mapping[str, Any]:
    """Return the settings that a program, loaded with :func:`load_with_drop_in`, asks for."""
    from flet_cluster.fastapi.hosted import settings_asked_by  # noqa: PLC0415  Flet takes a while to import

    return settings_asked_by(program)


def run_target(
    target: str,
    argv: Sequence[str] = (),
    command_line: Mapping[str, Any] | None = None,
    factory: str = APP_FACTORY,
) -> None:
    """Serve an app until this process is told to stop.

    Args:
        target: a script, a module, or a function in one; see :mod:`flet_cluster.host.program`.
        argv: arguments for the script.
        command_line: settings that win over the environment and the script.
        factory: ``module:function`` that makes the ASGI app.

    Raises:
        ClusterError: it cannot be served; the message says why and what to do.
    """
    command_line = command_line or {}
    settings = Settings.read(command_line)
    if not settings.supervised:
        make = factory_named(factory)  # before the script's folder hides packages: it may be redis.py
        program = load_with_drop_in(target, argv, command_line)
        settings = Settings.load(command_line, asked_by(program))
        if not settings.supervised:
            _serve_here(program, settings, make)
            return
    if sys.platform == "win32":
        raise ProgramError(
            "Several workers and --reload need Linux or macOS. Use --workers 1, or one process per port."
        )
    plan = Plan(target, argv, command_line, factory, settings.workers, settings.reload)
    asyncio.run(_supervise(plan))


async def _supervise(plan: Plan) -> None:
    await Supervisor(plan).run()


def _serve_here(program: Program, settings: Settings, make: Factory) -> None:
    """Serve from this process."""
    settings = desktop.suited(settings.with_secret_key(), screen=desktop.this_machine_has_screen())
    settings = settings.with_values(app_name=settings.app_name or program.name)
    configure_logging(settings)
    warn_of_unknown_variables(settings)
    tls.options(settings)
    sock = listening.bind(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        # Before the server listens to them: the end, not an error.
        signal.signal(number, lambda *_: sys.exit(0))

    def announce() -> None:
        url = listening.url_of(sock, settings)
        say(settings, desktop.announcement(settings, url, settings.backend))
        desktop.show(settings, url)

    try:
        app = make(program, settings.with_values(management_port=None))  # it is taken care of here
        with managed(settings, sight_of(app)):
            serve(app, settings, sock, on_ready=announce)
    finally:
        listening.close(sock, settings)


def run(main: Callable[..., Any], **arguments: Any) -> Any:
    """Serve an app from its own script: ``flet_cluster.run(main)`` in place of ``ft.run(main)``.

    The script is loaded once more, as a module under its own name, by this process or by its workers:
    sessions refer to code by module, and ``__main__`` means something else in every process. What stands
    before the call runs again there; what stands behind it does not run.

    Args:
        main: the app's ``main(page)``.
        arguments: arguments of ``ft.run`` and fields of :class:`flet_cluster.settings.Settings`. The
            command line and the environment win over them.

    Returns:
        The ASGI application for ``export_asgi_app=True``; else nothing, when the app is over.
    """
    refuse_unknown(arguments, "flet_cluster.run")
    if arguments.get("export_asgi_app"):
        from flet_cluster.fastapi.whole import exported  # noqa: PLC0415  it takes a while to import

        return exported({"main": main, **arguments})
    recorder = intercept.active()
    if recorder is not None:
        recorder.note(main, arguments)
    try:
        run_target(_target_of(main), sys.argv[1:])
    except ClusterError as error:
        sys.exit(f"Error: {error}")
    return None


def _target_of(main: Callable[..., Any]) -> str:
    """Name the program that is running: Python's main script or module, else the function itself.

    Raises:
        ProgramError: it is in no file.
    """
    started = sys.modules["__main__"]
    spec, file = getattr(started, "__spec__", None), getattr(started, "__file__", None)
    if spec is not None:
        return str(spec.name.removesuffix(".__main__"))
    if file and Path(file).suffix == ".py":
        return str(Path(file).resolve())
    home = home_of(main)
    if home.module == started.__name__:
        raise ProgramError(
            "flet_cluster.run needs an app that is in a file: each process of a cluster loads it from there. "
            "Put it into app.py and start that: python app.py"
        )
    return f"{home.module}:{home.qualname}"
