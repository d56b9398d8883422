"""Flet's session, with its scheduling made visible to the host (layer 3: may import Flet).

Stock Flet keeps one forever-waiting task per declarative session to render what changed. Here rendering is
work that is there or not, so that an idle session has nothing that runs; and it takes the lane, since it runs
the app's component functions and effects (:meth:`Handlers.render` says when).
"""

from __future__ import annotations

import inspect
import logging
import threading
import traceback
from typing import TYPE_CHECKING, Any

from flet.messaging.session import Session

from flet_cluster.host import hints, internals
from flet_cluster.host.background import Background, BackgroundCall
from flet_cluster.host.client_props import allowed
from flet_cluster.host.starters import mounting

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet.controls.base_control import BaseControl

    from flet_cluster.host.connection import HostConnection
    from flet_cluster.host.live import LiveSession

logger = logging.getLogger("flet_cluster.host")


class HostSession(Session):
    """A Flet session that tells its :class:`LiveSession` of work to do and of updates made."""

    def __init__(self, connection: HostConnection, live: LiveSession) -> None:
        self.render_updates: dict[BaseControl, None] = {}
        self.render_effects: list[tuple[Any, bool]] = []
        self.rendering = False
        self.bind(live)
        super().__init__(connection)

    def bind(self, live: LiveSession) -> None:
        """Connect to the host that has this session's objects now."""
        self.live = live
        self.background: Background = live.background
        self.patch_lock = threading.RLock()
        self.patching = 0
        self.patches = 0
        self.client_calls = 0

    def apply_patch(self, control_id: int, patch: dict[str, Any]) -> None:
        """Take over what a client may change; see :meth:`flet.messaging.session.Session.apply_patch`."""
        control = self.index.get(control_id)
        if control is not None:
            super().apply_patch(control_id, allowed(control, patch))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the runtime half behind: :meth:`bind` gives another."""
        state = self.__dict__.copy()
        for name in ("live", "background", "patch_lock", "patching", "patches", "client_calls"):
            state.pop(name, None)
        return state

    def patch_control(self, *args: Any, **kwargs: Any) -> None:
        """Diff and send, one thread at a time; then the host may take a snapshot.

        Not after an update within an update (of a ``did_mount``): that one is in the middle of the other.
        """
        with self.patch_lock:
            self.patching += 1
            self.patches += 1
            try:
                with mounting(self.background.starter):
                    super().patch_control(*args, **kwargs)
            finally:
                self.patching -= 1
                ended = not self.patching
        if ended:
            self.live.updated()

    def get_page_patch(self) -> Any:
        """Mount the page, as Flet does when a client registers."""
        with mounting(self.background.starter):
            return super().get_page_patch()  # type: ignore[no-untyped-call]  # Flet leaves it untyped

    async def after_event(self, control: BaseControl | None) -> None:
        """Update as Flet does after a handler: no moment to pause, the handler has ended or pauses itself."""
        if self.live.gone:
            return  # a handler that went on after its session had left this node
        with self.live.lane.ending():
            await super().after_event(control)

    def error(self, message: str) -> None:
        """Tell the client of an error, as Flet does; and the log, if a setting removes its reason."""
        hint = hints.thread_bound(message) if self.live.host.in_threads else ""
        if hint:
            logger.error("session %s: %s", self.live.id, hint)
        self.live.trail.failed()
        super().error(message)

    @property
    def awaits_client(self) -> bool:
        """Whether something waits for the answer to a call of the client: a file picker, a permission."""
        return self.client_calls > 0

    async def invoke_method(self, *args: Any, **kwargs: Any) -> Any:
        """Call the client and wait for its answer. Counted here: Flet forgets calls whose caller gave up."""
        self.client_calls += 1
        try:
            return await super().invoke_method(*args, **kwargs)
        finally:
            self.client_calls -= 1

    def cancel_client_calls(self) -> None:
        """Fail the calls a page that is gone will never answer."""
        getattr(self, internals.SESSION_CANCEL_CALLS)()
        getattr(self, internals.SESSION_METHOD_CALLS).clear()

    def name(self, session_id: str) -> None:
        """Take the id that the whole cluster knows the session by, in place of Flet's random one."""
        setattr(self, internals.SESSION_ID, session_id)

    def schedule_update(self, control: BaseControl) -> None:
        """Queue a component for rendering."""
        self.render_updates[control] = None
        self._request()

    def schedule_effect(self, hook: Any, is_cleanup: bool) -> None:
        """Queue an effect of a component."""
        self.render_effects.append((hook, is_cleanup))
        self._request()

    def start_updates_scheduler(self) -> None:
        """From here on the app is declarative: render what is queued."""
        self.rendering = True
        self._request()

    def _request(self) -> None:
        """Ask the host to render soon; callable from any thread."""
        if self.rendering:
            self.live.host.loop.call_soon_threadsafe(self.live.lane.after, self.live.handlers.render)

    @property
    def has_pending_render(self) -> bool:
        """Whether components or effects wait for their turn."""
        return self.rendering and bool(self.render_updates or self.render_effects)

    def render_pending(self) -> None:
        """Render queued components, then run queued effects: one round, as Flet's scheduler does."""
        with self.live.lane.ending():
            self.render_components()
        self.run_effects()

    def render_components(self) -> None:
        """Render queued components."""
        updates, self.render_updates = list(self.render_updates), {}
        for control in updates:
            try:
                control.update()
            except (Exception, SystemExit) as error:  # noqa: BLE001  user code; stock's scheduler dies of it
                self.error(f"Exception in component: {error}\n{traceback.format_exc()}")

    def run_effects(self) -> None:
        """Run queued effects."""
        effects, self.render_effects = self.render_effects, []
        for hook, is_cleanup in effects:
            try:
                self._run_effect(hook, is_cleanup)
            except (Exception, SystemExit) as error:  # noqa: BLE001  user code; reported as Flet does
                self.error(f"Exception in effect: {error}\n{traceback.format_exc()}")

    def _run_effect(self, hook: Any, is_cleanup: bool) -> None:
        """Run one effect's setup or cleanup; coroutine functions become recorded background work."""
        if hook and hook.setup and not is_cleanup:
            hook.cancel()
            if inspect.iscoroutinefunction(hook.setup):
                self.background.add(BackgroundCall("effect", hook, (), {}))
                return
            cleanup = hook.setup()
            if callable(cleanup):
                hook.cleanup = cleanup
        elif hook and hook.cleanup and is_cleanup:
            hook.cancel()
            if inspect.iscoroutinefunction(hook.cleanup):
                self._start_cleanup(hook, hook.cleanup)
            else:
                hook.cleanup()

    def _start_cleanup(self, hook: Any, cleanup: Callable[[], Any]) -> None:
        """Run an async cleanup as a task, as Flet's scheduler does."""

        def start() -> None:
            """On the loop."""
            hook._cleanup_task = self.live.tasks.spawn(cleanup())  # noqa: SLF001 - as Flet's scheduler

        if self.live.lane.here:
            self.live.host.loop.call_soon_threadsafe(start)
        else:
            start()
