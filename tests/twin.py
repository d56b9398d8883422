"""The reference run: an app on stock Flet, in a process of its own, never killed.

The app runs on Flet's own ``FletApp`` and ``Session``; only the websocket is replaced by two queues and the
event loop by one that knows when it is idle. So "settled" is exact, and two runs give the same bytes.

Garbage is collected after each step. Flet keeps a service that a handler created until nothing refers to it,
and its own bookkeeping refers to it in a cycle: with the collector left to chance, so would be the patch that
removes the service. A session restored from a snapshot has no such garbage either.

``reference("counter")`` starts ``python -m tests.twin counter FILE`` and reads what it recorded.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from flet_web.fastapi.flet_app import FletApp  # type: ignore[import-untyped]
from flet_web.fastapi.flet_app_manager import app_manager  # type: ignore[import-untyped]
from tests.app_loader import load
from tests.browser import Browser
from tests.canonical import Canonical
from tests.flet_client import FletClient
from tests.page_dump import describe_session
from tests.scripts import SCRIPTS
from tests.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from tests.steps import Script

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"PYTHONHASHSEED": "0"}
"""Flet sends a new control's structural fields in the order of a set of strings: every process whose packets
are compared byte for byte needs the same hash seed."""
USER_AGENT = "flet-cluster tests"
PATIENCE = 30.0
"""Virtual seconds that background work of one step may take."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one step did.

    Attributes:
        step: the step in words; the first is "register".
        sent: packets of the client: the step's own, then replies.
        packets: packets of the server, canonical (see :mod:`tests.canonical`).
        mirror: the client's tree afterwards.
        server: the session's whole object graph afterwards.
    """

    step: str
    sent: tuple[bytes, ...]
    packets: tuple[bytes, ...]
    mirror: Any
    server: Any


@dataclass(frozen=True, slots=True)
class Reference:
    """A recorded run: one observation for the registration and one for each step."""

    app: str
    observations: tuple[Observation, ...]
    crashes: tuple[str, ...]


class QueueSocket:
    """The part of Starlette's ``WebSocket`` that Flet uses, on two queues."""

    def __init__(self, route: str) -> None:
        self.client = SimpleNamespace(host="127.0.0.1")
        self.headers = {"user-agent": USER_AGENT}
        self.cookies: dict[str, str] = {}
        self.url = _Url("ws://127.0.0.1:8000/ws")
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.outgoing: deque[bytes] = deque()
        self.route = route

    async def accept(self) -> None:
        """Nothing to shake hands with."""

    async def receive_bytes(self) -> bytes:
        """Wait for the client."""
        return await self.incoming.get()

    async def send_bytes(self, data: bytes) -> None:
        """Hand a packet to the client."""
        self.outgoing.append(data)


class _Url(str):
    """A URL that is a string and has a path, like Starlette's."""

    __slots__ = ()
    path = "/ws"


class Twin:
    """One stock session with its client; everything runs in this thread when told to."""

    def __init__(self, script: Script) -> None:
        self.loop = VirtualLoop()
        asyncio.set_event_loop(self.loop)
        app = load(script.app)
        self.client = FletClient(Browser(route=script.route, replies=script.replies))
        self.canonical = Canonical()
        self.socket = QueueSocket(script.route)
        self._flet = self._start(app.main, app.before_main)

    def _start(self, main: Any, before_main: Any) -> Any:
        # Pub/sub takes its executor from the manager: it must be one whose work we can wait for.
        app_manager._FletAppManager__executor = self.loop.workers
        app = FletApp(self.loop, self.loop.workers, main, before_main, secret_key="test")
        self._task = self.loop.create_task(app.handle(self.socket))
        self.loop.run_until_idle()
        return app

    @property
    def session(self) -> Any:
        """Flet's session, once registered."""
        return self._flet._FletApp__session

    def observe(self, step: str, packets: list[bytes]) -> Observation:
        """Send, run until nothing moves any more, and look."""
        sent = list(packets)
        received: list[bytes] = []
        self._send(packets)
        until = self.loop.time() + PATIENCE
        while True:
            self.loop.run_until_idle()
            if self.socket.outgoing:
                packet = self.socket.outgoing.popleft()
                received.append(self.canonical.packet(packet))
                replies = self.client.feed(packet)
                sent += replies
                self._send(replies)
            elif not self.loop.skip_to_timer(until):
                break
        server = self.canonical.tree(describe_session(self.session))
        mirror = self.canonical.tree(self.client.dump())
        return Observation(step, tuple(sent), tuple(received), mirror, server)

    def _send(self, packets: list[bytes]) -> None:
        for packet in packets:
            self.socket.incoming.put_nowait(packet)


def run(script: Script) -> tuple[Reference, FletClient]:
    """Run a script in this process. Control ids count on from earlier runs: prefer :func:`reference`."""
    twin = Twin(script)
    seen = [twin.observe("register", [twin.client.register()])]
    seen += [twin.observe(repr(step), twin.client.step(step)) for step in script.steps]
    return Reference(script.app, tuple(seen), tuple(twin.client.crashes)), twin.client


def reference(app: str) -> Reference:
    """Run an app's script in a fresh process and return what it recorded."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "reference"
        command = [sys.executable, "-W", "error", "-m", "tests.twin", app, str(out)]
        done = subprocess.run(
            command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False
        )
        if done.returncode != 0:
            raise AssertionError(f"{app}: {done.stdout}\n{done.stderr}")
        recorded: Reference = pickle.loads(out.read_bytes())
    return recorded


def _main(app: str, out: str) -> None:
    script = SCRIPTS[app]
    recorded, client = run(script)
    for expectation in script.expect:
        expectation.check(client)
    if client.crashes and not script.may_crash:
        raise AssertionError(f"{app} reported {client.crashes}")
    Path(out).write_bytes(pickle.dumps(recorded))


if __name__ == "__main__":
    from tests.twin import _main as main  # the same classes as the process that will read them

    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # parked tasks would only complain while the loop is torn down
