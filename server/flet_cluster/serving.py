"""One process serving one ASGI app (layer 5: may import anything below; knows nothing of other workers).

Uvicorn does the work. Added here: a call when the port is open, and a drain that runs while the browsers'
sockets are still there.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from flet_cluster import tls
from flet_cluster.errors import StartFailed, StartRefused
from flet_cluster.lean_sockets import LeanSocket
from flet_cluster.listening import address_error, address_of
from flet_cluster.node.place import HERE
from flet_cluster.setting_sources import unknown_variables
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from types import FrameType

SERVERS = (uvicorn,)
"""What scripts serve their applications with, where nobody else does."""
_LOG = logging.getLogger("flet_cluster")
_BACKLOG = 2048
_YOUNG = 5000
"""So many new objects are worth a look for garbage: events under way make a thousand by themselves."""
_LAST_RESPONSES = 1.0
_EXPLAIN_AFTER = 2.0
_GOODBYE = 1.5
"""What a process may take, over its drain timeout or after all is done, before it is ended from within."""


def warn_of_unknown_variables(settings: Settings | None = None) -> None:
    """Log what is set and does nothing, or something else than it says."""
    for sentence in (*unknown_variables(Settings), *(settings.remarks if settings else ())):
        _LOG.warning("%s", sentence)


def serve(
    app: Any,
    settings: Settings,
    sock: socket.socket,
    on_ready: Callable[[], None],
    *,
    supervised: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; then drain and return. Asked a second time, end at once.

    Args:
        app: the ASGI application. If it has ``app.state.drain``, an async function, that is called once no
            new connection is accepted any more, while the present ones are still open. What it leaves in
            ``app.state.start_error`` is what the operator reads when its lifespan fails.
        settings: limits, timeouts, proxies.
        sock: a bound socket.
        on_ready: called when the port is open.
        supervised: another process decides when this one has to end: to be asked twice means nothing then.
            Who stops a service signals all of its processes, and the supervisor signals its own as well.

    Raises:
        StartFailed: the application's lifespan failed.
        StartRefused: so it did, and ``app.state.start_refused`` is true: it always will.
        SettingsError: the port was taken in the meantime, or a certificate cannot be used.
    """
    server = _Server(_config(app, settings), app, settings, on_ready)
    server.supervised = supervised
    with _StartupLog() as log:
        server.on_started = log.open
        try:
            server.run(sockets=[sock])
        except SystemExit as stopped:
            if server.started:
                raise
            state = getattr(app, "state", None)
            told = getattr(state, "start_error", "") or log.text()
            kind = StartRefused if getattr(state, "start_refused", False) else StartFailed
            raise kind(told or f"startup ended with code {stopped.code}") from stopped
        except OSError as error:
            if server.started:
                raise
            raise address_error(settings, error) from error
        finally:
            server.goodbye.returned()


def _config(app: Any, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=settings.log_level == "debug",
        lifespan="on",
        ws=LeanSocket,
        ws_max_size=settings.max_frame_size,
        # Compression contexts cost 45 kB per idle socket; frames are small.
        ws_per_message_deflate=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        server_header=False,
        backlog=_BACKLOG,
        **tls.options(settings),
    )


@contextlib.contextmanager
def hurry_explained(seconds: float) -> Iterator[None]:
    """Log, if what is done in this context takes a while, why that is so and what ends it; on the loop.

    Args:
        seconds: how long it may take.
    """

    def explain() -> None:
        """The operator, or who has pressed Ctrl-C, is waiting."""
        _LOG.info(
            "leaving takes up to %g s: what runs may finish first (FLET_CLUSTER_DRAIN_TIMEOUT). "
            "Ask a second time, with Ctrl-C, and it ends at once",
            seconds,
        )

    timer = asyncio.get_running_loop().call_later(_EXPLAIN_AFTER, explain)
    try:
        yield
    finally:
        timer.cancel()


class _Server(uvicorn.Server):
    """Uvicorn's server with a call at readiness and a drain before it closes connections."""

    def __init__(
        self, config: uvicorn.Config, app: Any, settings: Settings, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._app = app
        self._drain_timeout = settings.drain_timeout
        self._on_ready = on_ready
        # As with nohup: who starts a process decides what it ignores. Workers leave Ctrl-C to the supervisor.
        self._ignored = {sig for sig in HANDLED_SIGNALS if signal.getsignal(sig) is signal.SIG_IGN}
        self.on_started: Callable[[], None] = lambda: None
        self.supervised = False
        self.goodbye = _Goodbye()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave. This runs even while a handler blocks the event loop, which would never notice.

        Uvicorn's own method notes the signal to raise it again once all is over: in the middle of the loop,
        where it would cut the rest short. Here a signal has had its effect when the server has stopped.
        """
        del frame
        if sig in self._ignored:
            return
        if self.should_exit and self.supervised:
            return
        if self.should_exit:
            _end_process("asked to stop a second time", 1)
        self.goodbye.expected_within(self._drain_timeout + _GOODBYE)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, open the port, tell."""
        await super().startup(sockets=sockets)
        if self.started:
            _set_aside_what_is_there()
            HERE.address = address_of(sockets[0]) if sockets else ""
            self.on_started()
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing new, hand over what there is, then close."""
        deadline = time.monotonic() + self._drain_timeout
        for server in self.servers:
            server.close()
        await self._drain()
        left = max(deadline - time.monotonic(), _LAST_RESPONSES)
        self.config.timeout_graceful_shutdown = round(left)
        await super().shutdown(sockets=sockets)
        self.goodbye.stopped()

    async def _drain(self) -> None:
        drain = getattr(getattr(self._app, "state", None), "drain", None)
        if drain is None:
            return
        try:
            with contextlib.nullcontext() if self.supervised else hurry_explained(self._drain_timeout):
                await asyncio.wait_for(drain(), self._drain_timeout)
        except TimeoutError:
            _LOG.warning(
                "drain took longer than %g s; other nodes take the rest by force", self._drain_timeout
            )
        except Exception:  # noqa: BLE001  whatever it was, the process must end
            _LOG.exception("drain failed; other nodes take this node's sessions by force")


def _set_aside_what_is_there() -> None:
    """Keep the modules of Flet and of the app out of every later garbage collection; have fewer of these.

    They stay for good, and there are so many that looking through them stops all users for some 60 ms, every
    few seconds under load.
    """
    gc.collect()
    gc.freeze()
    young, middle, old = gc.get_threshold()
    if 0 < young < _YOUNG:  # 0: the app wants none
        # What has become old is looked at after as many objects as before: sessions that have left are in it.
        gc.set_threshold(_YOUNG, middle, old and max(1, old * young // _YOUNG))


class _Goodbye:
    """Ends this process from within if it does not end by itself.

    A handler that blocks the event loop keeps the server from noticing that it should stop. And Python waits
    at its end for the threads that an app started (``asyncio.to_thread``, ``threading.Thread``), which may
    never end: a node would stay, with no port and no session, until somebody kills it.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._returned = False

    def expected_within(self, seconds: float) -> None:
        """The server is asked to stop: it must have done so by then."""

        def watch() -> None:
            """In the thread."""
            if not self._stopped.wait(seconds):
                _end_process("it should have stopped by now; does a handler block the event loop?", 1)

        threading.Thread(target=watch, name="goodbye", daemon=True).start()

    def stopped(self) -> None:
        """Say that the server has stopped: nothing is left to do but to end."""
        self._stopped.set()

        def watch() -> None:
            """In the thread. A script that called ``run`` may still have something to do after it."""
            time.sleep(_GOODBYE)
            while self._returned and not getattr(threading, "_SHUTTING_DOWN", False):
                time.sleep(_GOODBYE)
            _end_process("threads of the app still run", 0)

        threading.Thread(target=watch, name="goodbye", daemon=True).start()

    def returned(self) -> None:
        """The loop is closed, and the threads of its own executor have ended."""
        self._stopped.set()
        self._returned = True


def _end_process(why: str, code: int) -> None:
    _LOG.warning("ending this process: %s", why)
    for stream in (*logging.getLogger().handlers, sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


class _StartupLog(logging.Handler):
    """Keeps what uvicorn logs about a start: shown as one message if it fails, not at all otherwise."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._logger = logging.getLogger("uvicorn.error")
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        self._logger.propagate = False
        return self

    def __exit__(self, *_exc: object) -> None:
        self.open()

    def open(self) -> None:
        """Let uvicorn log as usual from now on."""
        self._logger.removeHandler(self)
        self._logger.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self._lines.append(self.format(record))

    def text(self) -> str:
        """Return what was logged."""
        return "\n".join(self._lines)
