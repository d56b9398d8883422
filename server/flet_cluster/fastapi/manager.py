"""The Flet apps of this process (layer 5)."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import secrets
import shutil
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import ProgramError, SettingsError
from flet_cluster.fastapi.names import cut, stable_name
from flet_cluster.host.entry import home_of, is_plain
from flet_cluster.host.program import program_of
from flet_cluster.hosting import ClusterApp
from flet_cluster.serving import warn_of_unknown_variables
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flet_cluster.host.program import Program

_LOG = logging.getLogger("flet_cluster")

MANY_APPS = 100
"""With more apps than this, a process says so in its log."""
MOST_APPS = 1000
"""How many apps a process takes: each has threads, and connections to Redis."""
_MANY_APPS_HELP = (
    "Each has threads and connections of its own. Are some made for each visitor? Call app() once, when the "
    "module is imported, and give FletApp the same settings for all requests."
)


class AppManager:
    """Knows every app that was made in this process, and starts and stops their nodes together.

    Attributes:
        command_line: options that the process was started with; they win over everything else.
        warned: whether somebody has said what is set in the environment and does nothing, or will.
    """

    def __init__(self) -> None:
        self.command_line: Mapping[str, Any] = {}
        self.warned = False
        self._process: Settings | None = None
        self._apps: dict[Any, ClusterApp] = {}
        self._secrets: dict[ClusterApp, str] = {}
        self._temp_dirs: dict[str, None] = {}
        self._key = secrets.token_urlsafe(32)

    @property
    def apps(self) -> list[ClusterApp]:
        """The apps, in the order in which they were made."""
        return list(self._apps.values())

    @cached_property
    def executor(self) -> concurrent.futures.ThreadPoolExecutor:
        """Threads for those who hand them to :class:`FletApp`, as Flet's own server asks for; unused here."""
        return concurrent.futures.ThreadPoolExecutor(thread_name_prefix="flet_fastapi")

    async def start(self) -> None:
        """Start the nodes of all apps; those that run already are left alone.

        Raises:
            StartFailed, StartRefused: one of them cannot start; the message says why.
        """
        await asyncio.gather(*(app.start() for app in self.apps))

    async def drain(self) -> None:
        """Let all sessions go, while their sockets are still open."""
        await asyncio.gather(*(app.drain() for app in self.apps))

    async def shutdown(self) -> None:
        """Hand all sessions over, stop the nodes, and remove temporary files."""
        await asyncio.gather(*(app.stop() for app in self.apps))
        self.delete_temp_dirs()

    def add_temp_dir(self, temp_dir: str) -> None:
        """Have a folder removed at shutdown."""
        self._temp_dirs[temp_dir] = None

    def delete_temp_dirs(self) -> None:
        """Remove the folders that :meth:`add_temp_dir` was told of."""
        while self._temp_dirs:
            shutil.rmtree(self._temp_dirs.popitem()[0], ignore_errors=True)

    def configure(self, settings: Settings) -> None:
        """Take over where sessions are kept and how they are sealed, from who started this process.

        Call it before :meth:`start`.
        """
        self._process = settings
        for app in self.apps:
            app.settings = self._placed(app.settings)

    def hosted(
        self,
        main: Callable[..., Any],
        before_main: Callable[..., Any] | None = None,
        fields: Mapping[str, Any] | None = None,
        *,
        only: bool = False,
    ) -> ClusterApp:
        """Return the app with this ``main`` and these settings, made when it is asked for the first time.

        Args:
            main: the app's ``main(page)``.
            before_main: runs before it.
            fields: fields of :class:`Settings`; command line and environment win over them.
            only: whether the process has this app alone: it is then called like its script, as with
                ``flet-cluster run``; else like script and function, since each app has its own sessions.

        Raises:
            SettingsError: a value is not allowed.
            ProgramError: ``main`` is not defined in a module that other nodes can import.
        """
        fields = {name: value for name, value in (fields or {}).items() if value is not None}
        key = (_place(main), _place(before_main), only, *sorted((k, str(v)) for k, v in fields.items()))
        app = self._apps.get(key)
        if app is None:
            program = program_of(main, before_main=before_main)
            settings = self._settings_of_app(fields)
            name = self._free(_name_of(settings.app_name or program.name, program, only=only))
            app = self._add(key, program, settings.with_values(app_name=name))
        return app

    def shared(self, main: Callable[..., Any], fields: Mapping[str, Any] | None = None) -> ClusterApp:
        """Return the app of all ``main`` functions that have the code of this one, and of these settings.

        Who calls this for each request gets one app. Its name comes from the code and the settings, so that
        it is the same on every node whatever was visited first. Its program is for sessions whose ``main`` is
        nothing but its code; any other has to be given with its session.

        Args:
            main: a function, partial, method or callable object.
            fields: fields of :class:`Settings`; command line and environment win over them.

        Raises:
            SettingsError: a value is not allowed, or another secret key than the app has.
            ProgramError: ``main`` is not defined in a module that other nodes can import, cannot be told from
                another one, or the process has too many apps.
        """
        given = {name: value for name, value in (fields or {}).items() if value is not None}
        secret = str(given.pop("secret_key", ""))
        values = sorted((name, str(value)) for name, value in given.items())
        key = (home_of(main), *values)
        app = self._apps.get(key)
        if app is None:
            fields = {**given, "secret_key": secret} if secret else given
            app = self._add(key, *self._shared_parts(main, fields, values))
            self._secrets[app] = secret
        elif secret != self._secrets[app]:
            self._check_secret(app, secret)
        return app

    def _shared_parts(
        self, main: Callable[..., Any], fields: Mapping[str, Any], values: list[tuple[str, str]]
    ) -> tuple[Program, Settings]:
        """Return program and settings of an app for which all that counts is code and settings."""
        program = program_of(main)
        if not is_plain(main):  # the first one that came must never run in another's session
            program = replace(program, main=_brought_along)
        settings = self._settings_of_app(fields)
        name = stable_name(settings.app_name, program, main, values)
        if any(app.settings.app_name == name for app in self.apps):
            raise ProgramError(
                f"Two different apps of this process would be called {name!r}. Is {home_of(main).qualname} "
                f"of {program.module} defined twice, or hosted by app() as well? Give one another name."
            )
        return program, settings.with_values(app_name=name)

    def _check_secret(self, app: ClusterApp, secret: str) -> None:
        """Refuse another secret key for the same app: nodes could not read each other's sessions."""
        settings = self.settings({"secret_key": secret} if secret else {})
        if settings.key_ring() != app.settings.key_ring():
            raise SettingsError(
                f"The app {app.settings.app_name!r} has another secret_key already: every FletApp with the "
                "same main needs the same one. Set FLET_SECRET_KEY instead."
            )

    def _settings_of_app(self, fields: Mapping[str, Any]) -> Settings:
        """Return the settings of an app; the first one sees to it that strange variables are mentioned."""
        settings = self.settings(fields)
        if not self.warned:
            self.warned = True
            warn_of_unknown_variables(settings)
        return settings

    def _add(self, key: Any, program: Program, settings: Settings) -> ClusterApp:
        """Add an app, as long as there is not one for each visitor."""
        if len(self._apps) >= MOST_APPS:
            raise ProgramError(
                f"This process has {MOST_APPS} Flet apps, and takes no more. {_MANY_APPS_HELP}"
            )
        if len(self._apps) == MANY_APPS:
            _LOG.warning("This process has more than %d Flet apps. %s", MANY_APPS, _MANY_APPS_HELP)
        app = self._apps[key] = ClusterApp(program, settings)
        return app

    def settings(self, fields: Mapping[str, Any]) -> Settings:
        """Return settings with these fields, as far as neither environment nor command line have their own.

        All that are made in a process without a secret key have the same one.

        Raises:
            SettingsError: a value is not allowed.
        """
        settings = Settings.load(self.command_line, fields)
        if settings.secret_key is None:
            settings = settings.with_values(secret_key=self._key)
        return self._placed(settings)

    def _placed(self, settings: Settings) -> Settings:
        """Return an app's settings with what holds for the whole process."""
        if self._process is None:
            return settings
        given = self._process.plain()
        given.pop("app_name", None)
        if _key_of(settings) != self._key:  # the script's own, which the environment would have replaced
            given = {name: value for name, value in given.items() if not name.startswith("secret_key")}
        return settings.with_values(**given)

    def own_key(self) -> dict[str, Any]:
        """Return the secret key that the script gave to its apps, as a field of settings, if it did."""
        keys = [key for app in self.apps if (key := _key_of(app.settings)) != self._key]
        return {"secret_key": keys[0]} if keys else {}

    def _free(self, name: str) -> str:
        """Return the name, or with a number what several apps of this name are called, in their order."""
        taken = {app.settings.app_name for app in self.apps}
        number = 2
        free = name
        while free in taken:
            free, number = f"{name}-{number}", number + 1
        return free


def _key_of(settings: Settings) -> str:
    return settings.key_ring()[0]


def _name_of(base: str, program: Program, *, only: bool) -> str:
    """Return an app's name: the same on every node, whatever other apps are there."""
    function = home_of(program.main).qualname
    return base if only or function == "main" else cut(f"{base}.{function}")


def _brought_along(_page: Any) -> None:
    """Stand for a ``main`` that each session has to bring along."""
    raise RuntimeError("the session's main function did not come with it")


def _place(function: Callable[..., Any] | None) -> Any:
    """Name a function by its code if that is all there is to it: made for each request, it is one app."""
    code = getattr(function, "__code__", None)
    if code is None or getattr(function, "__closure__", None) or getattr(function, "__defaults__", None):
        return function
    return code if getattr(function, "__self__", None) is None else function


app_manager = AppManager()
"""The one of this process."""
