"""A session's live objects on this node: inputs in, snapshots and packets out (layer 3: may import Flet).

Everything here runs on the loop, but for handlers in the lane and the hooks that these call
(:meth:`Output.emit`, :meth:`LiveSession.updated`). A snapshot is only taken on the loop, when no
worker of the session runs or while it waits: between steps of everything.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import logging
import secrets
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flet.controls.context import _context_page
from flet.messaging.protocol import MessageAction

from flet_cluster import logscope
from flet_cluster.errors import GraphChanged, ProtocolError, SnapshotError, UploadsDisabled
from flet_cluster.host import fast, hooks, internals, kept, sign_in, startup, upgrades, wire
from flet_cluster.host.app_work import AppWork, app_work
from flet_cluster.host.audience import audience_of
from flet_cluster.host.background import Background
from flet_cluster.host.camera import Camera
from flet_cluster.host.connection import ClientInfo, HostConnection
from flet_cluster.host.current import Event, derive, within
from flet_cluster.host.entries import Entries
from flet_cluster.host.entry import Entry
from flet_cluster.host.fence import Fence
from flet_cluster.host.hooks import Hooks
from flet_cluster.host.inputs import Inbox, Input, Kind, Progress, Started
from flet_cluster.host.loops import task_watcher, weakly
from flet_cluster.host.messages import Messages
from flet_cluster.host.output import Output
from flet_cluster.host.picture import Captured, Extra, Listener
from flet_cluster.host.portable import SessionImage, capture_session, image_of, restore_session
from flet_cluster.host.pubsub import SessionPubSub
from flet_cluster.host.remount import remounted
from flet_cluster.host.resources import Resources
from flet_cluster.host.session import HostSession
from flet_cluster.host.session_lane import SessionLane
from flet_cluster.host.sign_in import SignIn
from flet_cluster.host.starters import described
from flet_cluster.model import MainState
from flet_cluster.protocol.close import CloseCode
from flet_cluster.snapshot import begin_sessions

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from flet_cluster.host.environment import HostEnvironment
    from flet_cluster.host.sign_in import OwnEvent
    from flet_cluster.host.variables import Variables

logger = logging.getLogger("flet_cluster.host")


MOST_TASKS = 100
"""How many tasks, threads and timers a record names (I7)."""

KINDS: dict[MessageAction, Kind] = {
    MessageAction.INVOKE_METHOD: "reply",
    MessageAction.CONTROL_EVENT: "event",
    MessageAction.UPDATE_CONTROL_PROPS: "props",
    MessageAction.REGISTER_CLIENT: "register",
}
"""What a client may send."""

SOON_SECONDS = 0.5
"""What has run for longer will not be over soon either."""


def is_async(function: Any) -> bool:
    """Whether a callable runs on the loop rather than in the lane."""
    flags = fast.flags_of(function)
    if flags is not None:
        return bool(flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR))
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


class LiveSession:
    """One session's page, handlers and tasks. Made by :meth:`fresh` or :meth:`restored`."""

    def __init__(self, host: HostEnvironment, session_id: str, instance: str, listener: Listener) -> None:
        begin_sessions(host.code, host.portables)
        self.host = host
        self.id = session_id
        self.instance = instance
        self.listener = listener
        self.trail = host.tracer.trail(session_id)
        self.progress = Progress()
        self.main = MainState.PENDING
        self.entry = Entry(host.program.main, host.program.before_main)
        self.token = session_id
        self.bound = True
        self.given_up = ""
        self.client = ClientInfo()
        self.gone = False
        self.fence = Fence(self)
        self.background = Background(self)
        self.work = AppWork(host.program.is_app_module, host.loop.call_soon, self._work_over)
        self.lane = SessionLane(self)
        self._camera = Camera(host.loop, self.changed, host.limits.max_state)
        self._keeper = kept.Keeper()
        self.output = Output(self)
        self.pubsub = SessionPubSub(session_id, self.output.publish, self.output.pack)
        self.messages = Messages(self)
        self.connection = HostConnection(host.loop, host.executor, self.pubsub, self.output, self)
        self.variables: Variables = ()
        self._around: tuple[Any, Variables, contextvars.Context | None] = (None, (), None)
        self.tasks: set[asyncio.Task[Any]] = set()
        self._spawned: set[asyncio.Task[Any]] = set()
        self.handlers = 0
        self._began: dict[int, float] = {}
        self.inbox = Inbox(host.limits)
        self.own_events: list[OwnEvent] = []
        self.entries = Entries(self)
        self.hooks = Hooks()
        self.resources = Resources()
        self.starting = False
        self.preparing = False
        self.registered = False
        self.again = False
        self._scope = logscope.Scope(session_id, host.node_id)
        self._nonce = secrets.token_urlsafe(9)
        self._unnumbered = 0

    # -- making ---------------------------------------------------------------------------------

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
        live.own_events = extra.events
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
            self._camera.forget()
        self.entry = Entry(program.main, program.before_main)
        return main

    def wake(self) -> None:
        """After a restore: go on with what was due. Background work is started by its own call."""
        if self.session.has_pending_render:
            self.host.loop.call_soon(self.lane.after, self.render)
        if self.main is MainState.PENDING:
            self.lane.after(lambda: startup.run_main(self))
        hooks.restored(self)
        upgrades.say(self)
        for own in self.own_events:
            self.host.loop.call_soon(self.queue, Input("own", 0, own, key=own.key, again=True))
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

    # -- contexts and tasks -----------------------------------------------------------------------

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
            found.run(task_watcher.set, weakly(self.watch))
            found.run(app_work.set, weakref.ref(self.work))
            found.run(logscope.scope.set, self._scope)
            for variable, value in self.variables:
                found.run(variable.set, value)
            self._around = self.host.context, self.variables, found
        return found

    def watch(self, task: asyncio.Task[Any]) -> None:
        """The session's code made a task: it keeps the session awake while it runs."""
        self.tasks.add(task)
        task.add_done_callback(self._task_done)

    def accompany(self, task: asyncio.Task[Any]) -> None:
        """A task is part of something recorded: it ends here with the session, and is not lost by that."""
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        self.changed(urgent=False)

    def _work_over(self) -> None:
        self.changed(urgent=False)

    def spawn(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as a task of the session that needs no watching.

        It is held here: the loop itself holds tasks weakly, and one that waits for something only it knows
        would be collected in the middle.
        """
        task = self.host.loop.create_task(coro, context=self.context())
        self.tasks.discard(task)
        task.remove_done_callback(self._task_done)
        self.accompany(task)
        return task

    # -- services and news --------------------------------------------------------------------------------

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

    # -- input ------------------------------------------------------------------------------------

    def accept(self, seq: int, packet: bytes, client: ClientInfo, *, again: bool = False) -> Kind | None:
        """Take one packet of the browser; repeats of what was accepted before are dropped.

        Returns what it is; None for a repeat.

        Args:
            seq: its number.
            packet: one packet of Flet.
            client: what the handshake said of its sender.
            again: the browser had sent it before, to a node that may have started it.

        Raises:
            BadPacket: the packet is not Flet's.
            ProtocolError: too much waits already; it is not accepted, and has to come again.
        """
        message = wire.decode(packet)
        if self.progress.knows(seq):
            self.host.observer.count("repeats_dropped")
            return None
        kind = KINDS.get(message.action)
        if kind is None:
            raise wire.BadPacket(f"a client does not send {message.action.name}")
        if self.inbox.full and kind != "register":  # those of a page are dropped when the next one comes
            raise ProtocolError(CloseCode.OVERLOADED, "too many inputs wait")
        self.progress.accept(seq)
        self.queue(Input(kind, seq, message.body, client, self.instance, message.weight, again=again))
        return kind

    def page_event(self, name: str, data: Any = None) -> None:
        """Queue an event of the page that the node itself causes (``connect``, ``disconnect``, ``close``)."""
        self.queue(Input("event", 0, {"target": self.page._i, "name": name, "data": data}))  # noqa: SLF001

    def own_event(self, own: OwnEvent) -> None:
        """Queue an event that Flet fires itself, for good: it travels until it begins; from any thread."""
        key, again = derive(own.name)
        own.key, again = (key.removeprefix(f"{self.id}:"), again) if key else (own.key, self.again)
        self.own_events.append(own)
        self.host.loop.call_soon(self.queue, Input("own", 0, own, key=own.key, again=again))

    def queue(self, item: Input) -> None:
        """Add an input that waits for its turn."""
        if self.gone:
            return
        item.mark = self.trail.arrived(item.kind, item.cause)
        self.inbox.put(item)
        self.pump()

    def begin(self, item: Input) -> None:
        """An input starts. One of an earlier page load does not count: numbers began anew with the page."""
        if item.instance == self.instance:
            self.progress.start(item.seq)

    def _reply(self, item: Input) -> None:
        """Hand a client call's answer to who awaits it.

        It waits for the lane like other inputs: who awaits it runs on the loop, and in Flet would never run
        between two lines of a sync handler. A sync handler cannot wait for answers, there or here.
        """
        self.begin(item)
        body = item.body
        try:
            self.session.handle_invoke_method_results(
                body["control_id"], body["call_id"], body.get("result"), body.get("error")
            )
        except (RuntimeError, KeyError) as error:
            logger.debug("session %s: late reply to a client call: %s", self.id, error)
        self.trail.done(item.mark)
        self.changed(urgent=False)

    def pump(self) -> None:
        """Start queued inputs, in order, as far as the lane is free."""
        while self.inbox and self.lane.free and not (self.starting or self.preparing or self.gone):
            item = self.inbox.take()
            try:
                self._take(item)
            except Exception as error:  # noqa: BLE001 - from a client's data, or from what is on the page
                self._failed(item, error)

    def _take(self, item: Input) -> None:
        """Start one input."""
        if item.kind == "props":
            self._apply(item)
        elif item.kind == "reply":
            self._reply(item)
        elif item.kind == "register":
            self.trail.done(item.mark)  # its answer is a picture of its own
            startup.register(self, item)
        elif item.kind == "event":
            self._start_event(item)
        elif item.kind == "entry":
            self.entries.start(item.body, item.mark)
        elif item.kind == "own":
            self._start_own(item, item.body)
        elif item.kind == "hook":
            self._start(item, item.body.run(self), item.body.handler, item.body.what)
        elif item.kind == "upgrade":
            self._start(item, upgrades.tell(self, item.body), item.body, "on_upgrade handler")
        else:
            call = item.body
            self._start(
                item, startup.call_handler(self, call.handler, call.arguments), call.handler, call.what
            )

    def _failed(self, item: Input, error: Exception) -> None:
        """An input could not be started. It counts as started, or no later one would ever be acknowledged."""
        self.begin(item)
        if item.kind == "deliver":
            self.messages.begun(item.body)
        self.report(f"an input cannot be taken ({item.kind})", error)
        self.trail.done(item.mark)
        if item.kind == "register":  # a page that cannot be sent: say so, where else it would load for ever
            self.output.muted = False
            self.session.error(f"The page cannot be sent: {error}")
        self.changed()

    def _apply(self, item: Input) -> None:
        """Changed properties, for example of typing: state without output."""
        self.begin(item)
        try:
            self.session.apply_patch(item.body["id"], item.body["props"])
        except Exception as error:  # noqa: BLE001 - from data of a client
            self.report("properties from the client do not fit", error)
        self.trail.done(item.mark)
        self.changed(urgent=False)

    def _start_event(self, item: Input) -> None:
        """Find out how the event's handler wants to run, and run it."""
        body = item.body
        target, name = body.get("target"), body.get("name")
        control = self.session.index.get(target)
        if control is None:
            self.host.observer.count("events_without_control")
        handler = getattr(control, f"on_{name}", None)
        coro = self.session.dispatch_event(target, name, body.get("data"))
        self._start(item, coro, handler, f"{type(control).__name__}({target}).on_{name}")

    def _start_own(self, item: Input, own: OwnEvent) -> None:
        """Run the handler of an event that Flet fires itself."""
        handler = getattr(self.page, f"on_{own.name}", None)
        self._start(item, sign_in.dispatch(self, own), handler, f"Page.on_{own.name}")

    def _start(self, item: Input, coro: Coroutine[Any, Any, Any], handler: Any, what: str) -> None:
        """Run a dispatch: in the lane when its handler is sync, as a task otherwise."""
        started = Started(item.seq, self._key_of(item), what)
        event = Event(started.key, what, item.again or self._unknown(item))
        coro = within(event, coro, self.trail.handling(item.mark, what, started.key))

        def begin() -> None:
            """The handler takes its first step."""
            self.begin(item)
            self._note(started)
            if item.kind == "own":
                self.own_events.remove(item.body)
            elif item.kind == "deliver":
                self.messages.begun(item.body)
            elif item.kind == "hook":
                item.body.begins(self)

        self.run(coro, handler, what, lambda: self._finished(started.key, item.mark), begin)

    def _unknown(self, item: Input) -> bool:
        """Whether an input that no browser numbered may be one that a node died of.

        Events that Flet fires and calls that the app asked for come from the session's state, which knows.
        """
        return self.again and not item.seq and item.kind not in {"own", "hook"}

    def _key_of(self, item: Input) -> str:
        """Return an idempotency key. What comes without a name, and never again, gets a new one.

        The numbers of a plain client are its node's: another node may give the same to another event.
        """
        if item.key:
            return f"{self.id}:{item.key}"
        if item.seq:
            return f"{self.id}:{item.instance or self._nonce}:{item.seq}"
        self._unnumbered += 1
        return f"{self.id}:{self._nonce}.{self._unnumbered}"

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
        self._began[id(coro)] = self.host.loop.time()

        def ended() -> None:
            """It has ended."""
            self._began.pop(id(coro), None)
            done()

        if function is None or is_async(function) or not self.host.in_threads:
            self.starting = True
            self.handlers += 1
            task = self.spawn(self._as_task(coro, what, ended, begin))
            task.add_done_callback(lambda _: coro.close())  # cut short before its first step, it never ran
        else:
            begin()
            self.lane.start(self._rendered(coro), function, what, lambda _: ended())

    async def _rendered(self, coro: Coroutine[Any, Any, Any]) -> None:
        """Run a sync handler's dispatch and what it causes to be rendered, all in one worker."""
        await coro
        if self.session.has_pending_render and self._alone:
            self.session.render_pending()

    def render(self) -> None:
        """Render what is queued, then run the effects; call when the lane is free.

        In the lane, since component functions and effects may block (I9). But code of the session that is
        in the middle of something on the loop must not meet a component that is being rendered in a thread:
        while there is any, components are rendered on the loop.
        """
        if self.gone or not self.session.has_pending_render:
            return
        if not self.host.in_threads:
            self.session.render_pending()
        elif self._alone:
            self._in_lane(self.session.render_pending)
        else:
            self.session.render_components()
            if self.session.render_effects:
                self._in_lane(self.session.run_effects)
        self.changed()

    def _in_lane(self, work: Callable[[], None]) -> None:
        """Run what renders in the lane."""
        self.lane.start(_call(work), None, "rendering", lambda _: self.changed())

    @property
    def _alone(self) -> bool:
        """Whether no async code of the session is under way on the loop."""
        return not self.tasks and all(task.done() for task in tuple(self._spawned))

    @property
    def running_for(self) -> float:
        """Seconds since the oldest of what runs began; 0 when nothing does."""
        return self.host.loop.time() - min(self._began.values()) if self._began else 0.0

    @property
    def held_up(self) -> bool:
        """Whether something that is not over soon keeps the session from leaving."""
        lasting = self.running_for > SOON_SECONDS or self.main is MainState.RUNNING
        return lasting or self.has_lasting_work or self.background.busy

    @property
    def has_lasting_work(self) -> bool:
        """Whether something goes on that nobody can start again, or the client is asked something."""
        return bool(self.tasks) or self.work.busy or self.session.awaits_client

    async def _as_task(
        self,
        coro: Coroutine[Any, Any, Any],
        what: str,
        done: Callable[[], None],
        begin: Callable[[], None],
    ) -> None:
        """Run an async function; counted out in its last step, so that a snapshot shows effects and end."""
        begin()
        self.starting = False
        self.host.loop.call_soon(self.pump)
        try:
            await coro
        except asyncio.CancelledError:
            if self.gone:
                return  # cut short here: it stays in the record as started
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like from user code
            if self.gone:
                return
            self.report(f"{what} failed", error)
        finally:
            self.handlers -= 1
        done()

    def _note(self, started: Started) -> None:
        self.progress.running[started.key] = started

    def _finished(self, key: str, mark: Any) -> None:
        self.progress.running.pop(key, None)
        self.trail.done(mark)
        self.host.faults.hit("applied", self.id)
        self.changed()

    # -- snapshots --------------------------------------------------------------------------------

    @property
    def capturable(self) -> bool:
        """Whether a snapshot may be taken now: no worker of the session is between two of its steps.

        None is taken before the client has its first answer either: a node that took over from it could
        neither go on with ``before_main`` nor give that answer.
        """
        return self.lane.at_rest and not self.session.patching and not self.preparing

    @property
    def releasable(self) -> bool:
        """Whether another node may have the session now without anything being cut short."""
        return (
            self.lane.empty
            and not self.inbox
            and self.messages.idle
            and not self.handlers
            and not self.has_lasting_work
            and not self.background.busy
            and self.main is not MainState.RUNNING
        )

    @property
    def dormant(self) -> bool:
        """Whether nothing runs, nobody is asked anything, and nothing waits for a commit or a turn."""
        waits = not self.output.empty or self.own_events or self._spawned
        busy = waits or self.background.calls or self.progress.running or self.starting or self.preparing
        if busy or self.output.muted or not self.registered or not self.releasable or self.lane.waited_for:
            return False
        return not self.session.has_pending_render

    def capture(self) -> Captured:
        """Take a snapshot and the output that it accounts for.

        Raises:
            GraphChanged: not now, and its output stays here.
        """
        output = self.output.take()
        try:
            graph, obstacle = self._camera.take(self.session, self._shoot)
        except GraphChanged:
            self.output.put_back(output)
            raise
        return Captured(
            graph,
            obstacle,
            self.progress.rx,
            self.main,
            (*self.progress.running.values(), *self._losable()),
            tuple(output.packets),
            tuple(output.publications),
            tuple(output.sign_ins),
            self.entries.position,
            self.pubsub.subscriptions.keys,
            self.messages.position,
            len(self.own_events) + len(self.messages.due),
        )

    def _losable(self) -> list[Started]:
        """Work that nobody can start again, for whoever finds it missing. It has no key."""
        return [Started(0, "", what) for what in itertools.islice(self._lasting_work(), MOST_TASKS)]

    def _lasting_work(self) -> Iterator[str]:
        yield from (described(task) for task in tuple(self.tasks) if not task.done())
        yield from self.work.names

    def _shoot(self) -> bytes:
        """Pickle the session and what the host keeps about it."""
        graph = self.graph(self.externals)
        return kept.wrap(self._keeper.write(self.session, self.host, self.externals), graph)

    def graph(self, externals: Mapping[str, object]) -> bytes:
        """Return the snapshot for a process that has these externals. Raises NotPortable, GraphChanged."""
        return capture_session(self.session, self._extra(), self.host.code, self.host.portables, externals)

    def image(self) -> SessionImage:
        """Return the root of the snapshot."""
        return image_of(self.session, self._extra())

    def _extra(self) -> Extra:
        """Return what the host keeps about the session."""
        calls, events = list(self.background.calls), list(self.own_events)
        main = self.entry.main if self.entry.own and self.main is MainState.PENDING else None
        due = list(self.messages.due)
        return Extra(
            calls, self.pubsub.subscriptions, self.client, events, self.variables, due, main, self.hooks
        )

    async def until_idle(self, patience: float) -> None:
        """Wait until nothing of the session runs, at most ``patience`` seconds."""
        deadline = self.host.loop.time() + patience
        while not self.releasable and self.host.loop.time() < deadline:
            running = [task for task in self.tasks if not task.done()]
            if running:
                await asyncio.wait(running, timeout=0.05)
            else:
                await asyncio.sleep(0.01)

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
        if instance:  # plain clients number nothing: their inputs are counted here, and go on
            self.progress.restart()
        # What the old page sent is done, as in Flet; but its request for a page would answer the new one's.
        for item in self.inbox.drop_registrations():
            self.trail.done(item.mark)
        self.output.muted = True

    def dispose(self) -> None:
        """Stop everything of the session on this node, once. Its output goes nowhere from here on.

        What cannot be stopped, a thread, ends as in Flet: by the error of its next call to the session.
        """
        if self.gone:
            return
        self.gone = True
        self.inbox.close()
        self.messages.room.set()
        internals.forget_session(self.page)
        self.background.stop()
        for task in list(self.tasks):
            self._lost(described(task))
            task.add_done_callback(_seen)
            task.cancel()
        for what in self.work.drop():
            self._lost(what)
        self.resources.leave(self)
        for task in list(self._spawned):  # a handler that is cut short here is reported by the next node
            task.cancel()

    def expire(self) -> None:
        """The session ends for good. As in Flet, what it has set going goes on: it may serve others."""
        self.tasks.clear()
        self.work.stop()

    def _lost(self, what: str) -> None:
        logger.warning("session %s: %s is lost with this node", self.id, what)
        self.host.observer.count("tasks_lost")

    async def ended(self, patience: float) -> None:
        """Wait for what :meth:`dispose` has cancelled, but not for what refuses to end."""
        tasks = [task for task in (*self._spawned, *self.tasks) if task is not asyncio.current_task()]
        if tasks:
            await asyncio.wait(tasks, timeout=patience)


async def _call(function: Callable[[], None]) -> None:
    """Call a function as a coroutine."""
    function()


def _seen(task: asyncio.Task[Any]) -> None:
    """A task was cut short: how it took that is nobody's concern."""
    if not task.cancelled():
        task.exception()
