"""Keeps several workers alive on one port (layer 5: serves nothing itself, never imports the app).

The workers load the app at the same time; the first that has done so says what the script asks for. Then the
supervisor decides the settings, binds the address, starts the embedded Valkey if there is no other Redis, and
hands settings and socket to each worker. It only *binds*: the first worker that is ready opens the port.

With ``reload`` it watches the app's code. A new worker with the new code comes first; when that serves, the
old ones are asked to drain, and their browsers move over with their sessions. Code that cannot be loaded is
shown, and the old goes on.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flet_cluster import desktop, listening, tls
from flet_cluster.backend import Backend
from flet_cluster.changes import changes, folder_of
from flet_cluster.control import jsonable
from flet_cluster.errors import ClusterError, StartFailed
from flet_cluster.logs import configure_logging, say
from flet_cluster.management import opened
from flet_cluster.process import Worker
from flet_cluster.serving import hurry_explained, warn_of_unknown_variables
from flet_cluster.settings import Settings
from flet_cluster.workers_sight import WorkersSight

if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine, Mapping, Sequence
    from pathlib import Path

    from flet_cluster.embedded import EmbeddedServer
    from flet_cluster.management import Management

_LOG = logging.getLogger("flet_cluster.supervisor")
_MAX_FAILED_STARTS = 3
_SHORT_LIFE = 5.0
_FIRST_DELAY = 0.2
_LONGEST_DELAY = 10.0
_KILL_MARGIN = 2.0
_VALKEY_CHECK = 1.0
_NAMES = 3
"""How many changed files a log line names."""
_DECIDED_ONCE = (
    *("app_name", "workers", "reload", "redis_url", "secret_key", "store_warnings"),
    *("host", "port", "uds_path", "forwarded_allow_ips"),
    *("management_port", "management_host", "log_format"),
)
"""Settings that changed code cannot change: what was bound and started with them is there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        target: see :mod:`flet_cluster.host.program`.
        argv: arguments for the script.
        command_line: settings given on the command line.
        factory: ``module:function`` that makes the ASGI app from a program and settings.
        workers: how many processes.
        reload: whether to follow changes of the app's code.
    """

    target: str
    argv: Sequence[str]
    command_line: Mapping[str, Any]
    factory: str
    workers: int
    reload: bool = False

    def order(self) -> dict[str, Any]:
        """Return what a worker has to know to begin."""
        return {
            "target": self.target,
            "argv": list(self.argv),
            "factory": self.factory,
            "command_line": jsonable(self.command_line),
        }


class Supervisor:
    """Runs a plan until it is told to stop.

    Args:
        plan: what to run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._workers: set[Worker] = set()
        self._keepers: dict[int, asyncio.Task[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._settings: Settings | None = None
        self._socket: socket.socket | None = None
        self._valkey: EmbeddedServer | None = None
        self._stop = asyncio.Event()
        self._kill = asyncio.Event()
        self._failure: BaseException | None = None
        self._shown: set[str] = set()
        self._announced = False
        self._ends: Counter[str] = Counter()
        self._management: Management | None = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; a second one does not wait for the drain.

        Raises:
            ClusterError: nothing can be served; the message says why.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        if self._plan.reload:
            self._launch(self._follow_changes(folder_of(self._plan.target)))
        for slot in range(1, self._plan.workers + 1):
            self._keepers[slot] = self._launch(self._keep(slot))
        self._launch(self._mind_valkey())
        try:
            await self._stop.wait()
        finally:
            self._stop.set()
            await self._stop_workers()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._close()
        if self._failure is not None:
            raise self._failure

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            self._kill.set()
        self._stop.set()

    def _launch(self, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task whose failure ends all."""
        task = asyncio.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stop.set()

    # -- workers ----------------------------------------------------------------------------------

    async def _keep(self, slot: int, worker: Worker | None = None) -> None:
        """Keep one place filled, with growing pauses if its workers do not last."""
        failures = 0
        while not self._stop.is_set():
            worker = worker or await self._spawn(slot)
            await worker.gone()
            if self._stop.is_set():
                return
            lasted = worker.ready and time.monotonic() - worker.started > _SHORT_LIFE
            failures = 0 if lasted else failures + 1
            if not self._goes_on(worker, failures):
                return
            delay = 0.0 if failures <= 1 else min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY)
            pid = worker.process.pid
            _LOG.warning("worker %d (pid %d) %s; next one in %.1f s", slot, pid, worker.end(), delay)
            worker = None
            await asyncio.sleep(delay)

    def _goes_on(self, worker: Worker, failures: int) -> bool:
        """Give up if nobody serves and nobody will; otherwise show each message once and go on.

        With ``reload`` giving up is to wait for a change of the code.
        """
        if worker.ready:
            return True
        message = worker.error or f"a worker {worker.end()} before it was ready"
        shown = message in self._shown
        nobody = not any(other.serves() for other in self._workers)
        hopeless = nobody and (worker.final or failures >= _MAX_FAILED_STARTS)
        if hopeless and not self._plan.reload:
            raise StartFailed("No worker could be started; the reason stands above." if shown else message)
        if not shown:
            self._shown.add(message)
            _LOG.error("%s%s", message, "\nWaiting for a change of the code." if hopeless else "")
        return not hopeless

    async def _spawn(self, slot: int) -> Worker:
        worker = await Worker.start(slot, self._plan.order())
        self._workers.add(worker)
        worker.attended = asyncio.create_task(self._attend(worker))
        return worker

    async def _attend(self, worker: Worker) -> None:
        """Answer a worker until it is gone."""
        try:
            while (message := await worker.channel.receive()) is not None:
                self._answer(worker, message)
            await worker.process.wait()
        finally:
            self._workers.discard(worker)
            worker.channel.close()
            worker.hung_up()
            worker.known.set()
            if not (worker.leaving or self._stop.is_set()):
                self._ends[worker.how] += 1

    def _answer(self, worker: Worker, message: dict[str, Any]) -> None:
        if "loaded" in message:
            try:
                settings = self._prepared(message["loaded"])
            except ClusterError as error:
                worker.error, worker.final = str(error), True
                worker.kill()
                if self._settings is None:
                    self._fail(error)
                return
            worker.channel.send({"settings": settings.plain()}, self._socket)
        elif "answer" in message:
            worker.answered(message)
        elif "ready" in message:
            worker.became_ready()
            self._announce(worker)
        elif "leaving" in message:
            if not (worker.unwanted or worker.leaving):
                worker.unwanted = True
                self._launch(self._replace(worker))
        else:
            worker.error, worker.final = message["error"], message["final"]

    async def _replace(self, worker: Worker) -> None:
        """An operator wants a worker to leave: another takes its place first. If none comes up, it stays."""
        _LOG.info("worker %d (pid %d) is to leave; another takes its place", worker.slot, worker.process.pid)
        self._keepers[worker.slot].cancel()
        fresh = await self._spawn(worker.slot)
        await fresh.known.wait()
        kept = fresh if fresh.ready else worker
        self._keepers[worker.slot] = self._launch(self._keep(worker.slot, kept))
        if fresh.ready:
            await worker.stopped(self._patience())
        elif not self._stop.is_set():
            worker.unwanted = False
            _LOG.error("%s\nWorker %d goes on in its place.", fresh.error or fresh.end(), worker.slot)

    # -- changed code -----------------------------------------------------------------------------

    async def _follow_changes(self, folder: Path) -> None:
        """Bring in new code whenever files change, until all ends."""
        renewal: asyncio.Task[None] | None = None
        async for files in changes(folder, lambda: self._settings.assets_dir if self._settings else None):
            if renewal is not None:  # what is still loading is old code already
                renewal.cancel()
                await asyncio.wait([renewal])
            names = ", ".join(file.name for file in files[:_NAMES])
            _LOG.info("%s changed", names + (f" and {len(files) - _NAMES} more" if files[_NAMES:] else ""))
            renewal = self._launch(self._renew())

    async def _renew(self) -> None:
        """Start a worker with the new code; when it serves, let it take over from all there are."""
        worker = await self._spawn(1)
        try:
            await worker.known.wait()
        finally:
            if not worker.ready:
                worker.kill()
        if not worker.ready:
            await worker.gone()
            if self._stop.is_set():
                return
            serving = any(other.serves() for other in self._workers)
            goes_on = "The code from before still serves; w" if serving else "W"
            _LOG.error("%s\n%saiting for the next change.", worker.error or worker.end(), goes_on)
            return
        old = [other for other in self._workers if other is not worker]
        for keeper in self._keepers.values():
            keeper.cancel()
        for slot in range(1, self._plan.workers + 1):
            self._keepers[slot] = self._launch(self._keep(slot, worker if slot == 1 else None))
        for other in old:
            self._launch(other.stopped(self._patience()))

    # -- what all share ---------------------------------------------------------------------------

    def _prepared(self, loaded: Mapping[str, Any]) -> Settings:
        """Decide settings, address and Redis, with what the script asks for: once, or with each new code."""
        if self._settings is not None and not self._plan.reload:
            return self._settings
        settings = Settings.load(self._plan.command_line, loaded["script"])
        if self._settings is not None:
            same = {name: getattr(self._settings, name) for name in _DECIDED_ONCE}
            self._settings = settings.with_values(**same)
            return self._settings
        settings = desktop.suited(settings.with_secret_key(), screen=desktop.this_machine_has_screen())
        configure_logging(settings)
        warn_of_unknown_variables(settings)
        tls.options(settings)  # a certificate that cannot be used is said once, here
        values: dict[str, Any] = {} if settings.app_name else {"app_name": loaded["name"]}
        if settings.backend is Backend.EMBEDDED:
            values["redis_url"] = self._start_valkey()
            values["store_warnings"] = False  # it is what it is: a server for this run
        self._socket = listening.bind(settings)
        settings = settings.with_values(**values)
        self._management = opened(settings, self._sight(settings))
        self._settings = settings.with_values(management_port=None)  # of a worker's own, there is none
        return self._settings

    def _sight(self, settings: Settings) -> WorkersSight:
        """Return what there is to be seen of all this, from another thread."""
        return WorkersSight(
            asyncio.get_running_loop(),
            lambda: [worker for worker in self._workers if not worker.leaving],
            lambda: list(self._workers),
            self._stop.is_set,
            lambda: (sum(worker.serves() for worker in list(self._workers)), self._plan.workers, self._ends),
            settings.app_name,
        )

    def _start_valkey(self) -> str:
        from flet_cluster.embedded import EmbeddedServer  # noqa: PLC0415  an optional part

        # A unix socket: sealed or not, other users of this machine have no business there.
        if self._valkey is None:  # a start that failed after this one may be followed by another worker's
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

    def _announce(self, worker: Worker) -> None:
        assert self._socket is not None
        assert self._settings is not None
        if not self._announced:
            self._announced = True
            url = listening.url_of(self._socket, self._settings)
            where = "embedded Valkey" if self._valkey else self._settings.backend
            say(self._settings, desktop.announcement(self._settings, url, where))
            desktop.show(self._settings, url)
        who = f"worker {worker.slot} of {self._plan.workers}"
        say(self._settings, f"{who} serves (pid {worker.process.pid})")

    # -- the end ----------------------------------------------------------------------------------

    def _patience(self) -> float:
        """Return how long a worker may take to leave, in seconds."""
        return (self._settings.drain_timeout if self._settings else 0) + _KILL_MARGIN

    async def _stop_workers(self) -> None:
        """Ask all to drain, wait as long as they may, kill the rest."""
        running = [worker for worker in self._workers if worker.process.returncode is None]
        if not running:
            return
        ends = asyncio.gather(*(worker.stopped(self._patience()) for worker in running))
        hurry = asyncio.create_task(self._kill.wait())
        either: list[asyncio.Future[Any]] = [ends, hurry]
        with hurry_explained(self._patience() - _KILL_MARGIN):
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        for worker in running:
            worker.kill()
        await ends

    def _close(self) -> None:
        for worker in self._workers:
            worker.channel.close()
        if self._management is not None:
            self._management.stop()
        if self._valkey is not None:
            self._valkey.stop()
        if self._socket is not None and self._settings is not None:
            listening.close(self._socket, self._settings)
