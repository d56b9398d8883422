"""Runs a session's handlers, and renders what they cause (layer 3: may import Flet).

A sync handler runs in the session's lane, an async one as a task. Components are rendered in the lane too,
since component functions and effects may block (I9).
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from flet_cluster.host import fast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from flet_cluster.host.live import LiveSession


def is_async(function: Any) -> bool:
    """Whether a callable runs on the loop rather than in the lane."""
    flags = fast.flags_of(function)
    if flags is not None:
        return bool(flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR))
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


class Handlers:
    """What of one session's code runs because of an input. On the loop.

    Attributes:
        starting: the first step of a task is still to come, and no input may start before it.
        tasks: how many run as tasks.
    """

    __slots__ = ("_began", "_live", "starting", "tasks")

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._began: dict[int, float] = {}
        self.starting = False
        self.tasks = 0

    @property
    def running_for(self) -> float:
        """Seconds since the oldest of what runs began; 0 when nothing does."""
        return self._live.host.loop.time() - min(self._began.values()) if self._began else 0.0

    def run(
        self,
        coro: Coroutine[Any, Any, Any],
        function: Any,
        what: str,
        done: Callable[[], None],
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        """Run ``coro``, which calls ``function``, where that belongs: the lane if it is sync, else a task.

        Args:
            coro: what to run.
            function: the app's function that it calls; None if there is none.
            what: which one, for the log.
            done: called when it has ended, however it ended; not when it is cut short with this node.
            begin: called with its first step, before which no other input starts.
        """
        live = self._live
        self._began[id(coro)] = live.host.loop.time()

        def ended() -> None:
            """It has ended."""
            self._began.pop(id(coro), None)
            done()

        if function is None or is_async(function) or not live.host.in_threads:
            self.starting = True
            self.tasks += 1
            task = live.tasks.spawn(self._as_task(coro, what, ended, begin))
            task.add_done_callback(lambda _: coro.close())  # cut short before its first step, it never ran
        else:
            begin()
            live.lane.start(self._rendered(coro), function, what, lambda _: ended())

    async def _rendered(self, coro: Coroutine[Any, Any, Any]) -> None:
        """Run a sync handler's dispatch and what it causes to be rendered, all in one worker."""
        await coro
        session = self._live.session
        if session.has_pending_render and self._live.tasks.over:
            session.render_pending()

    async def _as_task(
        self,
        coro: Coroutine[Any, Any, Any],
        what: str,
        done: Callable[[], None],
        begin: Callable[[], None],
    ) -> None:
        """Run an async function; counted out in its last step, so that a snapshot shows effects and end."""
        live = self._live
        begin()
        self.starting = False
        live.host.loop.call_soon(live.inputs.pump)
        try:
            await coro
        except asyncio.CancelledError:
            if live.gone:
                return  # cut short here: it stays in the record as started
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like from user code
            if live.gone:
                return
            live.report(f"{what} failed", error)
        finally:
            self.tasks -= 1
        done()

    def render(self) -> None:
        """Render what is queued, then run the effects; call when the lane is free.

        In the lane. But code of the session that is in the middle of something on the loop must not meet a
        component that is being rendered in a thread: while there is any, components are rendered on the loop.
        """
        live, session = self._live, self._live.session
        if live.gone or not session.has_pending_render:
            return
        if not live.host.in_threads:
            session.render_pending()
        elif live.tasks.over:
            self._in_lane(session.render_pending)
        else:
            session.render_components()
            if session.render_effects:
                self._in_lane(session.run_effects)
        live.changed()

    def _in_lane(self, work: Callable[[], None]) -> None:
        """Run what renders in the lane."""
        live = self._live
        live.lane.start(_call(work), None, "rendering", lambda _: live.changed())


async def _call(function: Callable[[], None]) -> None:
    """Call a function as a coroutine."""
    function()
