"""A session on this node, put together from its parts (layer 3: may import Flet).

Each part has a module, and owns its state: inputs come in and get their turn (``intake``, ``dispatch``),
handlers run (``handlers``, ``session_lane``, ``session_tasks``), output waits (``output``), and a picture of
it all is taken for the commit (``pictures``). Here is how a session is made, restored and ended.

Everything runs on the loop, but for handlers in the lane and the hooks that these call
(:meth:`.Output.emit`, :meth:`LiveSession.updated`). A snapshot is only taken on the loop, when no worker of
the session runs or while it waits: between steps of everything.
"""

from __future__ import annotations

import logging
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flet.controls.context import _context_page

from flet_cluster import logscope
from flet_cluster.errors import SnapshotError, UploadsDisabled
from flet_cluster.host import hooks, internals, kept, startup, upgrades, wire
from flet_cluster.host.app_work import AppWork, app_work
from flet_cluster.host.audience import audience_of
from flet_cluster.host.background import Background
from flet_cluster.host.camera import Camera
from flet_cluster.host.connection import ClientInfo, HostConnection
from flet_cluster.host.entries import Entries
from flet_cluster.host.entry import Entry
from flet_cluster.host.fence import Fence
from flet_cluster.host.handlers import Handlers
from flet_cluster.host.hooks import Hooks
from flet_cluster.host.intake import Intake
from flet_cluster.host.loops import task_watcher, weakly
from flet_cluster.host.messages import Messages
from flet_cluster.host.output import Output
from flet_cluster.host.picture import Extra, Listener
from flet_cluster.host.pictures import Pictures
from flet_cluster.host.portable import restore_session
from flet_cluster.host.pubsub import SessionPubSub
from flet_cluster.host.remount import remounted
from flet_cluster.host.resources import Resources
from flet_cluster.host.session import HostSession
from flet_cluster.host.session_lane import SessionLane
from flet_cluster.host.session_tasks import SessionTasks
from flet_cluster.host.sign_in import SignIn
from flet_cluster.host.starters import described, task_starter
from flet_cluster.model import MainState
from flet_cluster.snapshot import begin_sessions

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Mapping

    from flet_cluster.host.environment import HostEnvironment
    from flet_cluster.host.variables import Variables

logger = logging.getLogger("flet_cluster.host")


class LiveSession:
    """One session's page with all that belongs to it here. Made by :meth:`fresh` or :meth:`restored`.

    Attributes:
        inputs: what it is given to do.
        handlers: what of its code runs because of that.
        tasks: its tasks; ``background`` and ``work`` know its recorded calls, threads and timers.
        output: what it has to say, until a commit accounts for it.
        pictures: takes its snapshots.
        instance: the page load that it serves.
        registered: a client has had a page of it, or is about to.
        preparing: ``before_main`` runs, and the client has no answer yet.
        again: a node may have died of what starts now.
        gone: it has left this node.
    """

    # A node has thousands; a dictionary of so many names takes a kilobyte more.
    __slots__ = (
        "__weakref__",
        "_around",
        "_scope",
        "again",
        "background",
        "bound",
        "client",
        "connection",
        "entries",
        "entry",
        "fence",
        "given_up",
        "gone",
        "handlers",
        "hooks",
        "host",
        "id",
        "inputs",
        "instance",
        "lane",
        "listener",
        "main",
        "messages",
        "output",
        "page",
        "pictures",
        "preparing",
        "pubsub",
        "registered",
        "resources",
        "session",
        "tasks",
        "token",
        "trail",
        "variables",
        "work",
    )

    def __init__(self, host: HostEnvironment, session_id: str, instance: str, listener: Listener) -> None:
        begin_sessions(host.code, host.portables)
        self.host = host
        self.id = session_id
        self.instance = instance
        self.listener = listener
        self.trail = host.tracer.trail(session_id)
        self.main = MainState.PENDING
        self.entry = Entry(host.program.main, host.program.before_main)
        self.token = session_id
        self.bound = True
        self.given_up = ""
        self.client = ClientInfo()
        self.gone = False
        self.fence = Fence(self)
        self.background = Background(self)
        self.work = AppWork(
            host.program.is_app_module, host.loop.call_soon, self._work_over, threaded=host.in_threads
        )
        self.lane = SessionLane(self)
        self.handlers = Handlers(self)
        self.pictures = Pictures(self, Camera(host.loop, self.changed, host.limits.max_state))
        self.output = Output(self)
        self.pubsub = SessionPubSub(session_id, self.output.publish, self.output.pack)
        self.messages = Messages(self)
        self.connection = HostConnection(host.loop, host.executor, self.pubsub, self.output, self)
        self.variables: Variables = ()
        self._around: tuple[Any, Variables, contextvars.Context | None] = (None, (), None)
        self.tasks = SessionTasks(self)
        self.inputs = Intake(self)
        self.entries = Entries(self)
        self.hooks = Hooks()
        self.resources = Resources()
        self.preparing = False
        self.registered = False
        self.again = False
        self._scope = logscope.Scope(session_id, host.node_id)

    # -- making ------------------------------------------------------------------------------------------

    @classmethod
    def fresh(
        cls,
        host: HostEnvironment,
        session_id: str,
        instance: str,
        listener: Listener,
        entry: Entry | None = None,
    ) -> LiveSession:
        """Return a new session whose ``main`` has not run; ``entry`` if it is not the program's."""
        live = cls(host, session_id, instance, listener)
        if entry is not None:
            live.entry = entry
            live.pubsub.subscriptions.audience = live._audience() if entry.own else ""
        live._adopt(live.context().run(HostSession, live.connection, live))
        live.session.name(session_id)
        return live

    @classmethod
    def restored(  # noqa: PLR0913, PLR0917 - what it is made of
        cls,
        host: HostEnvironment,
        session_id: str,
        instance: str,
        listener: Listener,
        graph: bytes,
        shared: Mapping[str, object] = MappingProxyType({}),
    ) -> LiveSession:
        """Return the session of a snapshot; nothing of it runs before :meth:`wake`.

        Args:
            host: what all sessions of the process share.
            session_id: whose it is.
            instance: its page load.
            listener: who keeps it.
            graph: the snapshot.
            shared: further externals that it was taken with.

        Raises:
            SnapshotOutdated: the app's code is not the code of the snapshot.
            SnapshotError: it cannot be rebuilt, or is not one of a session.
        """
        live = cls(host, session_id, instance, listener)
        _, graph = kept.split(graph)
        externals = {**live.externals, **shared}
        session, extra = restore_session(graph, host.code, host.portables, externals)
        if not isinstance(session, HostSession) or not isinstance(extra, Extra):
            raise SnapshotError("the snapshot is not one of a hosted session")
        live.pubsub.subscriptions = extra.subscriptions
        live.describe(extra.client)
        live.variables = extra.variables
        if extra.main is not None:
            live.entry = Entry(extra.main, own=True)
        session.bind(live)
        live._adopt(session)
        live.registered = True
        live.background.adopt(extra.calls)
        live.inputs.own_events = extra.events
        live.messages.adopt(extra.deliveries)
        live.hooks = extra.hooks or live.hooks
        live.again = True
        return live

    def _adopt(self, session: HostSession) -> None:
        """Take the session's objects as ours."""
        self.session = session
        self.page = session.page

    def _audience(self) -> str:
        """Return who hears this session's messages, by the ``main`` that it begins with."""
        return audience_of(self.entry.main, self.host.code, self.host.portables) or self.id

    def take_main(self) -> Callable[..., Any]:
        """Return what is to run now; from here on it is not kept, nor what it holds of a request."""
        main, program = self.entry.main, self.host.program
        if self.entry.own:
            self.pictures.camera.forget()
        self.entry = Entry(program.main, program.before_main)
        return main

    def wake(self) -> None:
        """After a restore: go on with what was due. Background work is started by its own call."""
        if self.session.has_pending_render:
            self.host.loop.call_soon(self.lane.after, self.handlers.render)
        if self.main is MainState.PENDING:
            self.lane.after(lambda: startup.run_main(self))
        hooks.restored(self)
        upgrades.say(self)
        self.inputs.wake()
        self.messages.wake()

    @property
    def externals(self) -> dict[str, object]:
        """Objects that travel as names: there is one of each on every node."""
        return {
            "connection": self.connection,
            "pubsub": self.pubsub,
            "loop": self.host.loop,
            "executor": self.host.executor,
        }

    def describe(self, client: ClientInfo) -> None:
        """Take over what a handshake said of the client."""
        self.client = client
        self.connection.describe(client)

    # -- contexts ----------------------------------------------------------------------------------------

    def context(self) -> contextvars.Context:
        """Return a new context in which this session's code runs."""
        context = self._surroundings().copy()
        if hasattr(self, "page"):
            context.run(_context_page.set, self.page)
        return context

    def _surroundings(self) -> contextvars.Context:
        """Return what every context of the session begins with. The page is not in it: nothing holds that."""
        host, variables, found = self._around
        if found is None or host is not self.host.context or variables is not self.variables:
            found = self.host.context.copy()
            found.run(task_watcher.set, weakly(self.tasks.watch))
            found.run(app_work.set, weakref.ref(self.work))
            found.run(task_starter.set, weakly(self.background.chart_starter))
            found.run(logscope.scope.set, self._scope)
            for variable, value in self.variables:
                found.run(variable.set, value)
            self._around = self.host.context, self.variables, found
        return found

    def _work_over(self) -> None:
        self.changed(urgent=False)

    # -- services and news -------------------------------------------------------------------------------

    def upload_url(self, name: str, seconds: float) -> str:
        """Return a URL for an upload from this session's page; callable from any thread.

        Raises:
            UploadsDisabled: the app keeps no uploads; says what to set.
            BadBlobName: no file can be called that.
        """
        if self.host.uploads is None:
            raise UploadsDisabled(
                "page.get_upload_url needs a folder for uploads: "
                "ft.run(main, upload_dir=…), or the variable FLET_UPLOAD_DIR; or a bucket (docs/uploads.md)"
            )
        return self.host.uploads.url(name, seconds, self.client.name, self.id)

    def signing_in(self, state: str, page_html: str, page_url: str) -> None:
        """Remember a sign-in before the next commit, and so before its user leaves; from any thread."""
        begun = SignIn(state, page_html, page_url, bool(self.page.web), self.given_up)
        self.given_up = state
        self.output.remember(begun)

    def changed(self, urgent: bool = True) -> None:
        """Tell the keeper that there is something to commit."""
        if not self.gone:
            self.listener.changed(urgent)

    def updated(self) -> None:
        """The app sent an update; callable from any thread.

        Raises:
            RuntimeError: the session has left this node meanwhile (Flet's own error).
        """
        output = self.output.has_packets
        self.lane.updated(output=output)
        if self.background.here:
            self.background.pause()
        elif output and not self.lane.here:
            self.host.loop.call_soon(self.changed)
        if self.gone:
            _ = self.page.session

    def report(self, what: str, error: BaseException) -> None:
        """Log an error of user code that nothing else reports; callable from any thread."""
        logger.error("session %s: %s", self.id, what, exc_info=error)

    def whole_page(self) -> None:
        """Send the page whole: it stands for all earlier output but the calls to the client."""

        def encoded() -> bytes:
            """Return the page in one packet."""
            return remounted(wire.encode(startup.register_response(self, self.page)))

        self.output.start_over(encoded)
        self.entries.pump()

    def restart_link(self, instance: str) -> None:
        """The page was loaded anew: until it has the whole page, nothing else may reach it."""
        self.instance = instance
        self.inputs.restart(instance)
        self.output.muted = True

    # -- its end on this node ----------------------------------------------------------------------------

    def dispose(self) -> None:
        """Stop everything of the session on this node, once. Its output goes nowhere from here on.

        What cannot be stopped, a thread, ends as in Flet: by the error of its next call to the session.
        """
        if self.gone:
            return
        self.gone = True
        self.inputs.inbox.close()
        self.messages.room.set()
        internals.forget_session(self.page)
        self.background.stop()
        for task in list(self.tasks.watched):
            self._lost(described(task))
        self.tasks.cancel_watched()
        for what in self.work.drop():
            self._lost(what)
        self.resources.leave(self)
        self.tasks.cancel_accompanying()

    def expire(self) -> None:
        """The session ends for good. As in Flet, what it has set going goes on: it may serve others."""
        self.tasks.forget()
        self.work.stop()

    def _lost(self, what: str) -> None:
        logger.warning("session %s: %s is lost with this node", self.id, what)
        self.host.observer.count("tasks_lost")
