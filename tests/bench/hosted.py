"""One session of the product with its client, in this process, on a loop that knows when it is idle.

Node, store and sockets are left out: what a commit would release goes to the client at once, and what the
session publishes comes back to it. So "settled" is exact, and two runs give the same bytes. Each commit takes
the product's own snapshot.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, TypeVar

from flet import BaseControl
from flet.components.hooks.use_effect import EffectHook
from pydantic import SecretStr
from tests.browser import Browser
from tests.canonical import Canonical
from tests.fleet import SECRET
from tests.flet_client import FletClient
from tests.page_dump import describe_session
from tests.twin import USER_AGENT
from tests.virtual_loop import TURN, CountingExecutor, VirtualLoop
from tests.wire import WireError

from flet_cluster.composition import build_node
from flet_cluster.events import FaultPoints, NullObserver
from flet_cluster.host.connection import ClientInfo
from flet_cluster.host.lane import LanePool
from flet_cluster.host.live import LiveSession
from flet_cluster.host.messages import Arrived
from flet_cluster.model import MainState
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flet_cluster.host.environment import HostEnvironment
    from flet_cluster.host.picture import Captured
    from flet_cluster.host.program import Program

T = TypeVar("T")
CONTAINERS = (list, dict, set, tuple, frozenset)
SESSION, INSTANCE = "published", "one-page-load"
CLIENT = ClientInfo(url="http://localhost/", ip="127.0.0.1", user_agent=USER_AGENT)
REPLIES: Mapping[str, Any] = {
    "Battery.get_battery_level": 80,
    "Battery.get_battery_state": "charging",
    "Battery.is_in_battery_save_mode": False,
    "Connectivity.get_connectivity": ["wifi"],
    "SemanticsService.get_accessibility_features": {},
}
"""What apps ask the browser at their start; other questions are answered by null."""
PATIENCE = 5.0
"""Virtual seconds that background work of one step may take."""


class Turns:
    """A worker that takes turns with a :class:`VirtualLoop`: chance never says which of them runs."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._executor = CountingExecutor()

    def submit(self, job: Callable[[], Callable[[], None]]) -> None:
        """Run a job in the worker, then what it returns on the loop."""
        self._loop.call_soon(self._run, job)

    def _run(self, job: Callable[[], Callable[[], None]]) -> None:
        future = self._executor.submit(lambda: self._loop.call_soon_threadsafe(job()))
        self._loop.workers.busy.add(future)
        wait([future], timeout=TURN)  # over when the job is, or when it waits for the loop


class Never(dict[Any, bool]):
    """Handlers that are to pause for a snapshot at their updates: none, it would depend on their duration."""

    def get(self, _key: Any, _default: Any = None) -> bool:
        """Tell that a handler does not pause."""
        return False


class Hosted:
    """A session of a program; it exists after :meth:`start` or :meth:`restore`.

    Attributes:
        captured: the last snapshot with what it accounts for.
        heard: all packets of the session so far.
    """

    live: LiveSession
    captured: Captured

    def __init__(self, program: Program) -> None:
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(lambda _loop, _context: None)
        asyncio.set_event_loop(self.loop)
        self.client = FletClient(Browser(replies=REPLIES))
        self.heard: list[bytes] = []
        self._canonical = Canonical()
        self._complaints: list[bytes] = []
        self._stream = 0
        self._changed = False
        self._program = program
        self._host = self.on_loop(self._environment)

    def _environment(self) -> HostEnvironment:
        """What the product composes, with workers that can be waited for."""
        settings = Settings(app_name=SESSION, secret_key=SecretStr(SECRET))
        host = build_node(self._program, settings, NullObserver(), FaultPoints()).host
        host.lanes = LanePool(self.loop, 1)
        host.lanes._workers = Turns(self.loop)  # type: ignore[assignment]  # all that a pool asks of it
        host.executor = self.loop.workers
        host.eager = Never()
        return host

    # what the session tells its keeper

    def changed(self, urgent: bool) -> None:
        """There is something to commit; it is done once the session has settled."""
        self._changed = True

    def stage(self) -> None:
        """A snapshot in the middle of a handler: the tests of the node take these."""

    def datagram(self, packet: bytes) -> None:
        """Raw bytes are not state."""

    async def holds(self) -> bool:
        return True

    @property
    def departing(self) -> bool:
        """Nobody asks the session to leave: it is captured where it is."""
        return False

    # a session's beginnings

    def start(self) -> None:
        """Load the page for the first time: ``main`` runs."""
        self.live = self.on_loop(lambda: LiveSession.fresh(self._host, SESSION, INSTANCE, self))
        self.send([self.client.register()])

    def restore(self, captured: Captured, heard: list[bytes]) -> Any:
        """Rebuild the session for a client that has heard all this; returns its description."""
        for packet in heard:
            self.client.feed(packet)
            self._canonical.packet(packet)
        self.live = self.on_loop(
            lambda: LiveSession.restored(self._host, SESSION, INSTANCE, self, captured.graph)
        )
        self.live.main = MainState.DONE if captured.main is MainState.RUNNING else captured.main
        self.live.inputs.progress.rx = self.live.inputs.progress.accepted = captured.rx
        return self.describe()

    def wake(self) -> list[bytes]:
        """Go on with what was due and with background work; returns the packets that this caused."""
        self.on_loop(self.live.wake)
        self.on_loop(self.live.background.restart)
        return self._settle()

    # what happens to it

    def send(self, packets: list[bytes]) -> list[bytes]:
        """Send packets of the client and let all settle; returns the session's packets, canonical."""
        self._give(packets)
        return self._settle()

    def describe(self) -> Any:
        """The session's whole graph, less the tasks of effects: those start anew elsewhere."""
        with _effects_without_tasks():
            described = describe_session(self.live.session, dict(_globals(self._program)))
        return self._canonical.tree(described)

    def on_loop(self, function: Callable[[], T]) -> T:
        """Call a function on the loop."""

        async def call() -> T:
            return function()

        return self.loop.run_until_complete(call())

    def _give(self, packets: list[bytes]) -> None:
        for packet in packets:
            seq = self.live.inputs.progress.accepted + 1
            self.on_loop(lambda seq=seq, packet=packet: self.live.inputs.accept(seq, packet, CLIENT))  # type: ignore[misc]

    def _settle(self) -> list[bytes]:
        before = len(self.heard)
        until = self.loop.time() + PATIENCE
        while True:
            self.loop.run_until_idle()
            if self._changed:
                self._commit()
            elif not self.loop.skip_to_timer(until):
                complaints, self._complaints = self._complaints, []
                return [*map(self._canonical.packet, self.heard[before:]), *complaints]

    def _commit(self) -> None:
        self._changed = False
        self.captured = self.on_loop(self.live.pictures.take)
        for publication in self.captured.publications:
            if publication.except_session != SESSION:
                self._stream += 1
                arrived = Arrived(self._stream, publication.body, self._stream - 1)
                self.on_loop(lambda arrived=arrived: self.live.messages.put(arrived))  # type: ignore[misc]
        for packet in self.captured.packets:
            self.heard.append(packet)
            try:
                self._give(self.client.feed(packet))
            except WireError as error:  # the browser would show an error, and go on
                self._complaints.append(f"refused by the client: {error}".encode())


@contextlib.contextmanager
def _effects_without_tasks() -> Iterator[None]:
    hooks = [found for found in gc.get_objects() if isinstance(found, EffectHook)]
    kept = [(hook, hook._setup_task, hook._cleanup_task) for hook in hooks]
    for hook in hooks:
        hook._setup_task = hook._cleanup_task = None
    try:
        yield
    finally:
        for hook, setup, cleanup in kept:
            hook._setup_task, hook._cleanup_task = setup, cleanup


def _globals(program: Program) -> Iterator[tuple[int, str]]:
    """Identities and names of single objects in globals, the app's and Flet's: there is one in each process.

    Not of containers: what is in them may be the session's.
    """
    for name, module in list(sys.modules.items()):
        if program.is_app_module(name) or name.partition(".")[0] == "flet":
            for key, value in list(vars(module).items()):
                if not isinstance(value, (*CONTAINERS, BaseControl)) and not key.startswith("__"):
                    yield id(value), f"{name}:{key}"
