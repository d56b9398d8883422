"""One worker process as the supervisor sees it (layer 5: starts it, signals it, says how it ended)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flet_cluster.control import SupervisorEnd

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping

_LOG = logging.getLogger("flet_cluster.supervisor")


@dataclass(slots=True, eq=False)
class Worker:
    """A worker process.

    Attributes:
        slot: which of the supervisor's places it fills.
        started: when it was started, or became ready; ``time.monotonic``.
        ready: whether it has opened the port.
        error: what it said before it ended.
        leaving: whether an operator wants it to leave.
        final: whether another attempt would end the same way.
        known: set when it is ready, and when it is gone.
        attended: the task that answers it until it is gone; the supervisor sets it.
    """

    slot: int
    process: Process
    channel: SupervisorEnd
    started: float
    ready: bool = False
    error: str = ""
    final: bool = False
    leaving: bool = False
    known: asyncio.Event = field(default_factory=asyncio.Event)
    attended: asyncio.Task[None] | None = None
    _asked: bool = False

    @classmethod
    async def start(cls, slot: int, plan: Mapping[str, Any]) -> Worker:
        """Start a worker and tell it what to run."""
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
        channel.send(dict(plan))
        return cls(slot, process, channel, time.monotonic())

    def serves(self) -> bool:
        """Whether it is there and has opened the port."""
        return self.ready and self.process.returncode is None

    def became_ready(self) -> None:
        """Note that it has opened the port."""
        self.ready, self.started = True, time.monotonic()
        self.known.set()

    async def gone(self) -> None:
        """Wait until it is gone; whoever stops waiting does not stop the task that attends it.

        Raises:
            ClusterError: what went wrong while it was attended.
        """
        assert self.attended is not None
        await asyncio.wait([self.attended])
        self.attended.result()

    def ask_to_stop(self) -> None:
        """Ask it to drain; once, for a second request would cut the drain short."""
        if not self._asked:
            self._asked = True
            self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._send(signal.SIGKILL)

    async def stopped(self, patience: float) -> None:
        """Ask it to drain, wait as long as it may take (seconds), then kill it."""
        self.ask_to_stop()
        try:
            await asyncio.wait_for(self.process.wait(), patience)
        except TimeoutError:
            _LOG.warning("worker %d (pid %d) does not stop; killing it", self.slot, self.process.pid)
            self.kill()
            await self.process.wait()

    def end(self) -> str:
        """Say how it ended."""
        code = self.process.returncode or 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"

    def _send(self, number: signal.Signals) -> None:
        # asyncio's own methods would reap a process that has just ended, behind its back.
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
