"""One Flet app in this process: its program, its settings, and the node that serves it (layer 5).

A process may hold several, as users of Flet's FastAPI do: each has a node, and so sessions, of its own. A
node starts with the server's lifespan, or, where a server has none (Daphne) or a user's application forgets
it, with the first visitor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from flet_cluster.cloudwatch import SessionsMetric
from flet_cluster.composition import build_node
from flet_cluster.errors import StartFailed, StartRefused
from flet_cluster.events import FaultPoints, Observer
from flet_cluster.management import SHARED
from flet_cluster.metrics import PrometheusObserver
from flet_cluster.reaching import why_not_started
from flet_cluster.uploading import blob_store, upload_links, upload_remark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flet_cluster.blobs.links import UploadLinks
    from flet_cluster.host.program import Program
    from flet_cluster.node.node import Node
    from flet_cluster.settings import Settings

logger = logging.getLogger("flet_cluster")


@contextlib.contextmanager
def failure_noted(state: Any) -> Iterator[None]:
    """Leave in an application's ``state``, for its server, why a start failed and whether it always will."""
    try:
        yield
    except (StartFailed, StartRefused) as error:
        state.start_error, state.start_refused = str(error), isinstance(error, StartRefused)
        raise


class Companion(Protocol):
    """Something that works while a node runs."""

    def start(self) -> None:
        """Begin; does not block."""

    def stop(self) -> None:
        """End; does not block."""


class ClusterApp:
    """An app and its node.

    Args:
        program: the app.
        settings: all options, with a secret key and an app name.
        faults: named places where a test may interfere.
        observer: receives counts and measurements; Prometheus metrics by default.

    Attributes:
        running: the node, once it has started and until it is stopped.
        links: makes what makes the URLs of uploads, from the settings at the node's start.
        companions: start with the node and stop with it.
    """

    def __init__(
        self,
        program: Program,
        settings: Settings,
        *,
        faults: FaultPoints | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.program = program
        self.settings = settings
        self.observer = observer or PrometheusObserver(settings.app_name)
        self.running: Node | None = None
        self.links: Callable[[Settings], UploadLinks | None] = upload_links
        self.companions: list[Companion] = []
        if settings.cloudwatch_namespace:
            self.companions.append(self._sessions_metric(settings))
        self._faults = faults or FaultPoints()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting: asyncio.Task[Node] | None = None

    async def start(self) -> Node:
        """Return the app's node, started if it was not: visitors that come together start one.

        Raises:
            StartFailed: the environment does not let it start now; the message says why.
            StartRefused: it will not let it start the next time either.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._abandon()
            self._loop = loop
        if self._starting is None:
            self._starting = loop.create_task(self._start())
        starting = self._starting
        try:
            return await asyncio.shield(starting)
        except Exception:
            if self._starting is starting:  # the next one tries again
                self._starting = None
            raise

    async def _start(self) -> Node:
        try:
            SHARED.join(self, self.settings)
            blobs = blob_store(self.settings)
            if blobs is not None:
                blobs.observer = self.observer
                await blobs.start()
            uploads = self.links(self.settings)
            node = build_node(self.program, self.settings, self.observer, self._faults, uploads)
            await node.start()
        except Exception as error:
            SHARED.leave(self)
            sentence, final = why_not_started(error, self.settings)
            if not sentence:
                raise
            raise (StartRefused if final else StartFailed)(sentence) from error
        self.running = node
        for companion in self.companions:
            companion.start()
        remark = upload_remark(self.settings)
        if remark:
            logger.warning("%s", remark)
        return node

    def _sessions_metric(self, settings: Settings) -> Companion:
        """Return what tells CloudWatch of the sessions here."""

        def sessions() -> int:
            return len(self.running.seats) if self.running is not None else 0

        return SessionsMetric(settings.cloudwatch_namespace, settings.app_name, sessions, self.observer)

    async def drain(self) -> None:
        """Let all sessions go, while their sockets are still open."""
        if self.running is not None:
            await self.running.drain()

    async def stop(self) -> None:
        """Let all sessions go, then leave; the app may be started again."""
        node, self._starting = self.running, None
        if node is not None:
            for companion in self.companions:
                companion.stop()
            await node.stop()
        if self.running is node:
            self.running = None
            SHARED.leave(self)

    def not_alive(self) -> str:
        """Say why the node does not work any more, "" if it does, or does not yet; from any thread."""
        running = self.running  # the loop may take it away meanwhile
        return "" if running is None else running.not_alive()

    def not_ready(self) -> str:
        """Say why this node may not get new visitors, "" if it may; it does not flap with Redis."""
        running = self.running
        if running is None:
            return "starting"
        return "draining" if running.draining else ""

    def _abandon(self) -> None:
        """Forget a node whose loop has ended: a server that runs the app once more gives it another loop."""
        if self.running is not None and self._loop is not None and not self._loop.is_closed():
            raise StartFailed(
                f"The app {self.settings.app_name!r} runs on another event loop of this process. One process "
                "serves an app once; start another process for a second server."
            )
        self.running = self._starting = None
