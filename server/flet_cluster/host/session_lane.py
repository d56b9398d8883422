"""One session's lane: what runs there, what waits for it, when it pauses (layer 3; imports no Flet)."""

from __future__ import annotations

import contextlib
import inspect
import time
from collections import deque
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from flet_cluster.host.lane import LaneRun

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from flet_cluster.host.live import LiveSession

EAGER_TAIL_SECONDS = 0.05
"""A handler that ran longer than this after its last update gets a snapshot at each update next time."""


def _code_of(function: Any) -> Any:
    """Return the code that a function wraps; None if there is none."""
    plain = function.__func__ if type(function) is MethodType else function
    if type(plain) is FunctionType and not plain.__dict__:
        return plain.__code__
    return getattr(inspect.unwrap(function), "__code__", None) if function else None


class SessionLane:
    """The lane of one session. Runs on the loop, but for :meth:`updated`, :meth:`ending` and ``here``."""

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._run: LaneRun | None = None
        self._waiting: deque[Callable[[], None]] = deque()
        self._resting = 0
        self._ending = False

    @property
    def free(self) -> bool:
        """Whether no handler is in it just now."""
        return self._run is None

    @property
    def empty(self) -> bool:
        """Whether no handler is in it, nor one that only lets others go first."""
        return self._run is None and not self._resting

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
        self,
        coro: Coroutine[Any, Any, Any],
        function: Any,
        what: str,
        done: Callable[[BaseException | None], None],
    ) -> None:
        """Run a dispatch, which calls ``function``, in a worker; ``done`` is called when it has ended."""

        def ended(error: BaseException | None) -> None:
            """Back on the loop."""
            self._run = None
            self._learn(run)
            if error is not None:
                self._live.report("a handler ended its thread", error)
            done(error)
            self._next()

        run = LaneRun(self._live.host.loop, coro, self._live.context(), ended)
        run.what, run.code = what, _code_of(function)
        run.on_pause, run.others_wait = self._live.listener.stage, self._others_wait
        run.on_let_go = self._let_go
        self._run = run
        self._live.host.lanes.go(run)

    def after(self, action: Callable[[], None]) -> None:
        """Run ``action`` on the loop as soon as no worker of the session runs."""
        if self._live.gone:
            return
        if self._run is None:
            self._live.context().run(action)
        else:
            self._waiting.append(lambda: self._live.context().run(action))

    def _next(self) -> None:
        """The lane is free: run what waited for that, as long as it is, then take inputs."""
        while self._waiting and self._run is None:
            self._waiting.popleft()()
        self._live.inputs.pump()

    def _others_wait(self) -> bool:
        """Whether something would run now if the lane were free."""
        return bool(self._waiting) or bool(self._live.inputs.inbox)

    def _let_go(self) -> None:
        """A handler has yielded and lets others go first: what waits, then one input; then it goes on.

        Stock Flet does the same: its loop turns there. Else nobody could press a button while a generator
        shows how far it has come.
        """
        run, self._run = self._run, None
        self._resting += 1

        def go_on() -> None:
            """It is its turn again."""
            self._resting -= 1
            self._run = run
            if run is not None:
                self._live.host.lanes.go(run)

        self._next()
        self.after(go_on)

    def updated(self, *, output: bool) -> None:
        """The handler sent an update: the moment to show it, if this handler is one that goes on for long."""
        run = self._run
        if run is None or not run.here or self._ending:
            return
        run.last_update = time.monotonic()
        if output and self._live.host.eager.get(run.code, True):
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

    def _learn(self, run: LaneRun) -> None:
        """Remember whether this handler goes on for long after an update."""
        if run.last_update and run.code is not None:
            tail = time.monotonic() - run.last_update
            self._live.host.eager[run.code] = tail > EAGER_TAIL_SECONDS
