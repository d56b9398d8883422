"""One session's lane: what runs there, what waits for it, when it pauses (layer 3; imports no Flet)."""

from __future__ import annotations

import contextlib
import inspect
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from flet_cluster.host.lane import LaneRun
    from flet_cluster.host.live import LiveSession

EAGER_TAIL_SECONDS = 0.05
"""A handler that ran longer than this after its last update gets a snapshot at each update next time."""


class SessionLane:
    """The lane of one session. Runs on the loop, but for :meth:`updated`, :meth:`ending` and ``here``."""

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._run: LaneRun | None = None
        self._waiting: list[Callable[[], None]] = []
        self._code: Any = None
        self._last_update = 0.0
        self._ending = False

    @property
    def free(self) -> bool:
        """Whether no handler is in it."""
        return self._run is None

    @property
    def at_rest(self) -> bool:
        """Whether no worker of the session is between two of its steps."""
        return self._run is None or self._run.paused

    @property
    def waited_for(self) -> bool:
        """Whether something is to run when it is free."""
        return bool(self._waiting)

    @property
    def here(self) -> bool:
        """Whether the caller is the worker."""
        return self._run is not None and self._run.here

    def start(
        self, coro: Coroutine[Any, Any, Any], function: Any, done: Callable[[BaseException | None], None]
    ) -> None:
        """Run a dispatch, which calls ``function``, in a worker; ``done`` is called when it has ended."""
        self._code = getattr(inspect.unwrap(function), "__code__", None) if function is not None else None
        self._last_update = 0.0

        def ended(error: BaseException | None) -> None:
            """Back on the loop."""
            self._run = None
            self._learn()
            if error is not None:
                self._live.report("a handler ended its thread", error)
            done(error)
            waiting, self._waiting = self._waiting, []
            for action in waiting:
                action()
            self._live.pump()

        self._run = self._live.host.lanes.start(coro, self._live.context(), ended)
        self._run.on_pause = self._live.listener.stage

    def after(self, action: Callable[[], None]) -> None:
        """Run ``action`` on the loop as soon as no worker of the session runs."""
        if self._live.gone:
            return
        if self._run is None:
            self._live.context().run(action)
        else:
            self._waiting.append(lambda: self._live.context().run(action))

    def updated(self, *, output: bool) -> None:
        """The handler sent an update: the moment to show it, if this handler is one that goes on for long."""
        run = self._run
        if run is None or not run.here or self._ending:
            return
        self._last_update = time.monotonic()
        if output and self._live.host.eager.get(self._code, True):
            run.pause()

    @contextlib.contextmanager
    def ending(self) -> Iterator[None]:
        """Mark the updates that Flet makes after a handler: there is nothing to pause for any more."""
        here = self.here
        self._ending = self._ending or here
        try:
            yield
        finally:
            if here:
                self._ending = False

    def _learn(self) -> None:
        """Remember whether this handler goes on for long after an update."""
        if self._last_update and self._code is not None:
            tail = time.monotonic() - self._last_update
            self._live.host.eager[self._code] = tail > EAGER_TAIL_SECONDS
