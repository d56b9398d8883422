"""The Flet apps of this process (layer 5)."""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import re
import secrets
import shutil
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flet_cluster.host.program import program_of
from flet_cluster.hosting import ClusterApp
from flet_cluster.serving import warn_of_unknown_variables
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flet_cluster.host.program import Program

_NAME_LENGTH = 60
"""Longest name made here: a number must fit behind it, see :attr:`Settings.app_name`."""


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
            app = self._apps[key] = self._made(main, before_main, fields, only=only)
        return app

    def _made(
        self, main: Callable[..., Any], before_main: Any, fields: Mapping[str, Any], *, only: bool
    ) -> ClusterApp:
        program = program_of(main, before_main=before_main)
        settings = self.settings(fields)
        if not self.warned:
            self.warned = True
            warn_of_unknown_variables(settings)
        name = self._free(_name_of(settings.app_name or program.name, program, only=only))
        return ClusterApp(program, settings.with_values(app_name=name))

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
    function = getattr(program.main, "__qualname__", "main")
    if only or function == "main":
        return base
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{base}.{function.replace('<locals>.', '')}").strip("-")
    if len(name) > _NAME_LENGTH:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name[: _NAME_LENGTH - 9]}-{digest}"
    return name


def _place(function: Callable[..., Any] | None) -> Any:
    """Name a function by its code if that is all there is to it: made for each request, it is one app."""
    code = getattr(function, "__code__", None)
    if code is None or getattr(function, "__closure__", None) or getattr(function, "__defaults__", None):
        return function
    return code if getattr(function, "__self__", None) is None else function


app_manager = AppManager()
"""The one of this process."""
