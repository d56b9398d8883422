"""How all workers of a machine are (layer 5: asks them through the supervisor; loads no app)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from flet_cluster.process import Worker

HEALTH_SECONDS: Final = 0.8
"""How long a worker may take to say how it is: less than probes wait."""
METRICS_SECONDS: Final = 3.0
"""How long it may take to say what it counted; without an answer its figures are left out this time."""
SILENT_SECONDS: Final = 30.0
"""A worker that says nothing for so long, from a thread that has nothing else to do, is stuck or frozen."""


class WorkersSight:
    """A :class:`flet_cluster.sight.Sight` of a supervisor and its workers.

    Args:
        loop: the supervisor's, on which workers are asked.
        workers: returns those that have not been asked to leave.
        all_workers: returns all there are: figures of those that leave count until they have left.
        stopping: whether all is about to end.
        figures: returns the supervisor's own: how many workers serve and should, and how many ended, by how.
        app: the app's name.
    """

    def __init__(  # noqa: PLR0913, PLR0917  what a supervisor shows of itself
        self,
        loop: asyncio.AbstractEventLoop,
        workers: Callable[[], Iterable[Worker]],
        all_workers: Callable[[], Iterable[Worker]],
        stopping: Callable[[], bool],
        figures: Callable[[], tuple[int, int, Mapping[str, int]]],
        app: str,
    ) -> None:
        self._loop = loop
        self._workers = workers
        self._all_workers = all_workers
        self._stopping = stopping
        self._figures = figures
        self._app = app

    async def alive(self) -> str:
        """Whether all workers that serve work: nobody else would end one that is stuck for good."""
        answers = await self._on_loop(self._ask(self._all_workers, "health", HEALTH_SECONDS))
        reasons = (_trouble(worker, answer) for worker, answer in answers)
        return next(filter(None, reasons), "")

    async def ready(self) -> str:
        """Whether at least one worker takes visitors. One that does not answer just now may well do so."""
        if self._stopping():
            return "draining"
        answers = await self._on_loop(self._ask(self._workers, "health", HEALTH_SECONDS))
        reasons = [answer["ready"] if answer else "" for _, answer in answers]
        return "" if "" in reasons else next(iter(reasons), "starting")

    async def metrics(self) -> str:
        """All that was counted on this machine."""
        from flet_cluster.exposition import merged  # noqa: PLC0415  many supervisors are never asked

        answers = await self._on_loop(self._ask(self._all_workers, "metrics", METRICS_SECONDS))
        return merged([self._own(), *(answer["text"] for _, answer in answers if answer)])

    def _own(self) -> str:
        from flet_cluster.metrics import PrometheusObserver, process_text  # noqa: PLC0415  the same

        serving, wanted, ends = self._figures()
        observer = PrometheusObserver(self._app, "supervisor", started=())
        observer.gauge("workers", lambda: serving)
        observer.gauge("workers_wanted", lambda: wanted)
        for how, number in ends.items():
            observer.count("worker_ends", number, how=how)
        return process_text("supervisor") + observer.text()

    async def _ask(
        self, workers: Callable[[], Iterable[Worker]], what: str, seconds: float
    ) -> list[tuple[Worker, dict[str, Any] | None]]:
        """On the supervisor's loop: ask all that serve, at the same time."""
        asked = [worker for worker in workers() if worker.serves()]
        answers = await asyncio.gather(*(worker.ask(what, seconds) for worker in asked))
        return list(zip(asked, answers, strict=True))

    async def _on_loop(self, coro: Coroutine[Any, Any, Any]) -> Any:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coro, self._loop))


def _trouble(worker: Worker, answer: Mapping[str, Any] | None) -> str:
    """Say what is wrong with a worker, "" if nothing is known."""
    who = f"worker {worker.slot} (pid {worker.process.pid})"
    if answer is not None:
        return f"{who}: {answer['alive']}" if answer["alive"] else ""
    silence = time.monotonic() - worker.asked_at
    return f"{who} has not answered for {silence:.0f} s" if silence > SILENT_SECONDS else ""
