"""The management port: health checks and metrics, apart from the app's port (layer 5).

It has a thread and an event loop of its own: it answers while the app's loop is stuck, which is when somebody
should ask. It is plain HTTP, and for the machine itself unless it is told otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from flet_cluster import listening
from flet_cluster.errors import SettingsError
from flet_cluster.sight import ProcessSight

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from flet_cluster.settings import Settings
    from flet_cluster.sight import Sight, Watched

_LOG = logging.getLogger("flet_cluster")

SILENT_SECONDS = 5.0
"""Who has asked nothing for one to two times as long is cut off: each takes one of the node's files."""
_STOP_SECONDS = 2.0


class Management:
    """Serves ``/healthz``, ``/readyz`` and ``/metrics`` from :meth:`start` to :meth:`stop`.

    Args:
        sock: listens: who asks before all is loaded waits.
        sight: what there is to be seen.
    """

    def __init__(self, sock: socket.socket, sight: Sight) -> None:
        self._sock = sock
        self._sight = sight
        self._server: _Server | None = None
        self._thread = threading.Thread(target=self._run, name="management", daemon=True)
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin; does not wait until it answers."""
        self._thread.start()

    def stop(self) -> None:
        """End, and close the socket."""
        self._stopped.set()
        if self._server is not None:
            self._server.leave()
        self._thread.join(_STOP_SECONDS)
        self._sock.close()

    def _run(self) -> None:
        """In the thread."""
        # What answers is loaded here: a supervisor has other things to do while its workers start.
        from flet_cluster.http.management import management_app  # noqa: PLC0415

        config = uvicorn.Config(
            management_app(self._sight),
            log_config=None,
            access_log=False,
            lifespan="off",
            loop="asyncio",
            http="h11",
            ws="none",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        if not self._stopped.is_set():
            self._server.run(sockets=[self._sock])


class _Server(uvicorn.Server):
    """Uvicorn's server, which wakes up for requests, and to cut off those who make none.

    Its own limit would count these too: with some dozens of them ``/healthz`` is refused like all else, and a
    node that is well started anew.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait until it is told to leave."""
        self._loop = asyncio.get_running_loop()
        silent: set[Any] = set()
        while not self.should_exit:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leave.wait(), SILENT_SECONDS)
            now = {client for client in self.server_state.connections if _asks_nothing(client)}
            for client in silent & now:
                client.transport.close()
            silent = now

    def leave(self) -> None:
        """End, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._leave.set)


def _asks_nothing(client: Any) -> bool:
    """Whether no request of a connection is whole yet; after an answer uvicorn itself has a time-out."""
    return client.cycle is None and client.transport is not None


def opened(settings: Settings, sight: Sight) -> Management | None:
    """Open the management port, unless there is to be none; None then, or if the default one is taken.

    Raises:
        SettingsError: a port that was asked for cannot be had.
    """
    port = settings.management_port
    if port is None:
        return None
    try:
        sock = _listening(settings.management_host, port)
    except (OSError, SettingsError) as error:
        told = _cannot_listen(listening.host_and_port(settings.management_host, port), error)
        if settings.is_set("management_port"):
            raise told from error
        _LOG.warning("%s Until then health checks are on the app's port only, and metrics nowhere.", told)
        return None
    _LOG.info("management: http://%s/ (/healthz, /readyz, /metrics)", listening.address_of(sock))
    management = Management(sock, sight)
    management.start()
    return management


def _listening(host: str, port: int) -> socket.socket:
    """Listen at once: of two processes that start together, only that decides who has the port."""
    sock = listening.bound(host, port)
    try:
        sock.listen()
    except OSError:
        sock.close()
        raise
    return sock


def _cannot_listen(place: str, error: Exception) -> SettingsError:
    reason = getattr(error, "strerror", None) or error
    return SettingsError(
        f"The management port {place} cannot be had: {reason}. "
        "Choose another with FLET_CLUSTER_MANAGEMENT_PORT (0 takes any free one, off none) and "
        "FLET_CLUSTER_MANAGEMENT_HOST."
    )


@contextlib.contextmanager
def managed(settings: Settings, sight: Sight) -> Iterator[None]:
    """Have the management port open meanwhile. Raises as :func:`opened` does."""
    management = opened(settings, sight)
    try:
        yield
    finally:
        if management is not None:
            management.stop()


class Shared:
    """The management port of a process that another server than ours runs: opened only if it is asked for.

    All apps of the process share it; it is there from the first one's start to the last one's end.
    """

    def __init__(self) -> None:
        self._apps: list[Watched] = []
        self._management: Management | None = None

    def join(self, app: Watched, settings: Settings) -> None:
        """Show an app, if its settings name a port. Raises SettingsError: it cannot be had."""
        if app in self._apps or settings.management_port is None or not settings.is_set("management_port"):
            return
        if self._management is None:
            self._management = opened(settings, ProcessSight(lambda: list(self._apps)))
        self._apps.append(app)

    def leave(self, app: Watched) -> None:
        """Show it no more."""
        if app in self._apps:
            self._apps.remove(app)
            if not self._apps and self._management is not None:
                self._management.stop()
                self._management = None


SHARED: Final = Shared()
"""The one of this process."""
