"""Keeps several workers alive on one port (layer 5: serves nothing itself, never imports the app).

The workers load the app at the same time; the first that has done so says what the script asks for. Then the
supervisor decides the settings, binds the address, starts the embedded Valkey if there is no other Redis, and
hands settings and socket to each worker. It only *binds*: the first worker that is ready opens the port.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flet_cluster.control import SupervisorEnd
from flet_cluster.errors import StartFailed
from flet_cluster.serving import bind, configure_logging, url_of, warn_of_unknown_variables
from flet_cluster.settings import Backend, Settings

if TYPE_CHECKING:
    import socket
    from asyncio.subprocess import Process
    from collections.abc import Mapping, Sequence

    from flet_cluster.embedded import EmbeddedServer

_LOG = logging.getLogger("flet_cluster.supervisor")
_MAX_FAILED_STARTS = 3
_SHORT_LIFE = 5.0
_FIRST_DELAY = 0.2
_LONGEST_DELAY = 10.0
_KILL_MARGIN = 2.0
_VALKEY_CHECK = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        target: see :mod:`flet_cluster.host.program`.
        argv: arguments for the script.
        command_line: settings given on the command line.
        factory: ``module:function`` that makes the ASGI app from a program and settings.
        workers: how many processes.
    """

    target: str
    argv: Sequence[str]
    command_line: Mapping[str, Any]
    factory: str
    workers: int


@dataclass(slots=True)
class _Worker:
    """A worker process as the supervisor sees it."""

    slot: int
    process: Process
    channel: SupervisorEnd
    started: float
    ready: bool = False
    error: str = ""
    final: bool = False

    def serves(self) -> bool:
        """Whether it is there and has opened the port."""
        return self.ready and self.process.returncode is None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; asyncio's own methods would reap a process that has just ended, behind its back."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def end(self) -> str:
        """Say how it ended."""
        code = self.process.returncode or 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


class Supervisor:
    """Runs a plan until it is told to stop.

    Args:
        plan: what to run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._workers: dict[int, _Worker] = {}
        self._settings: Settings | None = None
        self._socket: socket.socket | None = None
        self._valkey: EmbeddedServer | None = None
        self._stop = asyncio.Event()
        self._kill = asyncio.Event()
        self._shown: set[str] = set()
        self._announced = False

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; a second one does not wait for the drain.

        Raises:
            ClusterError: nothing can be served; the message says why.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        keepers = [asyncio.create_task(self._keep(slot)) for slot in range(1, self._plan.workers + 1)]
        others = [asyncio.create_task(self._stop.wait()), asyncio.create_task(self._mind_valkey())]
        tasks: list[asyncio.Task[Any]] = [*keepers, *others]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._stop.set()
            await self._stop_workers()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._close()

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            self._kill.set()
        self._stop.set()

    async def _keep(self, slot: int) -> None:
        """Keep one place filled, with growing pauses if its workers do not last."""
        failures = 0
        while not self._stop.is_set():
            worker = await self._spawn(slot)
            await self._attend(worker)
            if self._stop.is_set():
                return
            lasted = worker.ready and time.monotonic() - worker.started > _SHORT_LIFE
            failures = 0 if lasted else failures + 1
            self._judge(worker, failures)
            delay = 0.0 if failures <= 1 else min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY)
            pid = worker.process.pid
            _LOG.warning("worker %d (pid %d) %s; next one in %.1f s", slot, pid, worker.end(), delay)
            await asyncio.sleep(delay)

    def _judge(self, worker: _Worker, failures: int) -> None:
        """Give up if nobody serves and nobody will; otherwise show each message once and go on."""
        if worker.ready:
            return
        message = worker.error or f"a worker {worker.end()} before it was ready"
        shown = message in self._shown
        nobody = not any(other.serves() for other in self._workers.values())
        if nobody and (worker.final or failures >= _MAX_FAILED_STARTS):
            raise StartFailed("No worker could be started; the reason stands above." if shown else message)
        if not shown:
            self._shown.add(message)
            _LOG.error("%s", message)

    async def _spawn(self, slot: int) -> _Worker:
        channel = SupervisorEnd()
        descriptor = channel.workers.fileno()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # not the current directory, but the script's folder comes first on sys.path
            "-m",
            "flet_cluster.worker",
            str(descriptor),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[descriptor],
        )
        channel.workers.close()
        worker = _Worker(slot, process, channel, time.monotonic())
        self._workers[slot] = worker
        plan = self._plan
        given = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in plan.command_line.items()
        }
        channel.send(
            {
                "target": plan.target,
                "argv": list(plan.argv),
                "factory": plan.factory,
                "command_line": given,
            }
        )
        return worker

    async def _attend(self, worker: _Worker) -> None:
        """Answer a worker until it is gone."""
        while (message := await worker.channel.receive()) is not None:
            if "loaded" in message:
                settings = self._prepared(message["loaded"])
                worker.channel.send({"settings": settings.plain()}, self._socket)
            elif "ready" in message:
                worker.ready, worker.started = True, time.monotonic()
                self._announce(worker)
            else:
                worker.error, worker.final = message["error"], message["final"]
        await worker.process.wait()
        worker.channel.close()

    def _prepared(self, loaded: Mapping[str, Any]) -> Settings:
        """Decide settings, address and Redis, once: with what the script asks for."""
        if self._settings is None:
            settings = Settings.load(self._plan.command_line, loaded["script"]).with_secret_key()
            configure_logging(settings.log_level)
            warn_of_unknown_variables()
            self._socket = bind(settings)
            values: dict[str, Any] = {} if settings.app_name else {"app_name": loaded["name"]}
            if settings.backend is Backend.EMBEDDED:
                values["redis_url"] = self._start_valkey()
                values["store_warnings"] = False  # it is what it is: a server for this run
            self._settings = settings.with_values(**values)
        return self._settings

    def _start_valkey(self) -> str:
        from flet_cluster.embedded import EmbeddedServer  # noqa: PLC0415  an optional part

        # A unix socket: sealed or not, other users of this machine have no business there.
        self._valkey = EmbeddedServer(unix=True)
        self._valkey.start()
        return self._valkey.url

    async def _mind_valkey(self) -> None:
        """Start the embedded server again if it ends; the nodes write back what they hold."""
        while True:
            await asyncio.sleep(_VALKEY_CHECK)
            if self._valkey is not None and not self._valkey.is_running:
                _LOG.error("the embedded Valkey has ended; starting it again")
                self._valkey.start()

    def _announce(self, worker: _Worker) -> None:
        assert self._socket is not None
        assert self._settings is not None
        if not self._announced:
            self._announced = True
            where = "embedded Valkey" if self._valkey else self._settings.backend
            _say(f"{self._settings.app_name}: {url_of(self._socket, self._settings)} ({where})")
        _say(f"worker {worker.slot} of {self._plan.workers} serves (pid {worker.process.pid})")

    async def _stop_workers(self) -> None:
        """Ask all to drain, wait as long as they may, kill the rest."""
        running = [w for w in self._workers.values() if w.process.returncode is None]
        for worker in running:
            worker.send_signal(signal.SIGTERM)
        if not running:
            return
        patience = (self._settings.drain_timeout if self._settings else 0) + _KILL_MARGIN
        ends = asyncio.gather(*(worker.process.wait() for worker in running))
        hurry = asyncio.create_task(self._kill.wait())
        either: list[asyncio.Future[Any]] = [ends, hurry]
        await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        for worker in running:
            if worker.process.returncode is None:
                _LOG.warning("worker %d (pid %d) does not stop; killing it", worker.slot, worker.process.pid)
                worker.send_signal(signal.SIGKILL)
        await ends

    def _close(self) -> None:
        for worker in self._workers.values():
            worker.channel.close()
        if self._valkey is not None:
            self._valkey.stop()
        if self._socket is not None:
            self._socket.close()


def _say(line: str) -> None:
    """Tell the person at the terminal; logs go elsewhere."""
    with contextlib.suppress(OSError):  # nobody reads it: that is no reason to serve nobody
        print(line, flush=True)  # noqa: T201
