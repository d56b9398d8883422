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

    from flet_cluster.control import Message

_LOG = logging.getLogger("flet_cluster.supervisor")


@dataclass(slots=True, eq=False)
class Worker:
    """A worker process.

    Attributes:
        slot: which of the supervisor's places it fills.
        started: when it was started, or became ready; ``time.monotonic``.
        ready: whether it has opened the port.
        error: what it said before it ended.
        unwanted: whether an operator wants it to leave.
        final: whether another attempt would end the same way.
        leaving: whether it was asked to stop.
        known: set when it is ready, and when it is gone.
        attended: the task that answers it until it is gone; the supervisor sets it.
        asked_at: when it was asked what it has not answered yet; ``time.monotonic``.
    """

    slot: int
    process: Process
    channel: SupervisorEnd
    started: float
    ready: bool = False
    error: str = ""
    final: bool = False
    unwanted: bool = False
    known: asyncio.Event = field(default_factory=asyncio.Event)
    attended: asyncio.Task[None] | None = None
    asked_at: float = 0.0
    leaving: bool = False
    _questions: dict[str, asyncio.Future[Message | None]] = field(default_factory=dict)

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

    async def ask(self, what: str, seconds: float) -> Message | None:
        """Ask it something; None if it has not answered in time, cannot, or is gone.

        What it has not answered yet is not asked again: questions do not pile up for one that is frozen.
        """
        answer = self._questions.get(what)
        if answer is None:
            answer = self._questions[what] = asyncio.get_running_loop().create_future()
            self.asked_at = time.monotonic() if len(self._questions) == 1 else self.asked_at
            self.channel.send({"ask": what})
        await asyncio.wait([answer], timeout=seconds)
        return answer.result() if answer.done() else None

    def answered(self, message: Message) -> None:
        """Take an answer of it."""
        answer = self._questions.pop(message["answer"], None)
        if answer is not None:
            answer.set_result(None if "failed" in message else message)

    def hung_up(self) -> None:
        """It is gone, and answers nothing any more."""
        for answer in self._questions.values():
            answer.set_result(None)
        self._questions.clear()

    def ask_to_stop(self) -> None:
        """Ask it to drain; once, for a second request would cut the drain short."""
        if not self.leaving:
            self.leaving = True
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

    @property
    def how(self) -> str:
        """How it ended, in a word: failed (before it served), killed or exited."""
        if not self.ready:
            return "failed"
        return "killed" if (self.process.returncode or 0) < 0 else "exited"

    def end(self) -> str:
        """Say how it ended."""
        code = self.process.returncode or 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"

    def _send(self, number: signal.Signals) -> None:
        # asyncio's own methods would reap a process that has just ended, behind its back.
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
