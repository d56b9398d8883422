"""What an input does when its turn has come, and the key it does it under (layer 3: may import Flet)."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any

from flet_cluster.host import sign_in, startup, upgrades
from flet_cluster.host.current import Event, within
from flet_cluster.host.inputs import Started

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flet_cluster.host.inputs import Input
    from flet_cluster.host.intake import Intake
    from flet_cluster.host.live import LiveSession
    from flet_cluster.host.sign_in import OwnEvent

logger = logging.getLogger("flet_cluster.host")


class Dispatch:
    """Starts the inputs of one session, each once. On the loop."""

    __slots__ = ("_intake", "_live", "_nonce", "_unnumbered")

    def __init__(self, live: LiveSession, intake: Intake) -> None:
        self._live = live
        self._intake = intake
        self._nonce = secrets.token_urlsafe(9)
        self._unnumbered = 0

    def start(self, item: Input) -> None:
        """Start an input whose turn has come; one that cannot start is over."""
        try:
            self._start(item)
        except Exception as error:  # noqa: BLE001 - from a client's data, or from what is on the page
            self._failed(item, error)

    def _start(self, item: Input) -> None:
        """Do with an input what its kind asks for."""
        live = self._live
        if item.kind == "props":
            self._apply(item)
        elif item.kind == "reply":
            self._reply(item)
        elif item.kind == "register":
            live.trail.done(item.mark)  # its answer is a picture of its own
            startup.register(live, item)
        elif item.kind == "event":
            self._event(item)
        elif item.kind == "entry":
            live.entries.start(item.body, item.mark)
        elif item.kind == "own":
            self._own(item, item.body)
        elif item.kind == "hook":
            self._run(item, item.body.run(live), item.body.handler, item.body.what)
        elif item.kind == "upgrade":
            self._run(item, upgrades.tell(live, item.body), item.body, "on_upgrade handler")
        else:
            call = item.body
            self._run(item, startup.call_handler(live, call.handler, call.arguments), call.handler, call.what)

    def _failed(self, item: Input, error: Exception) -> None:
        """An input could not be started. It counts as started, or no later one would ever be acknowledged."""
        live = self._live
        self._intake.begin(item)
        if item.kind == "deliver":
            live.messages.begun(item.body)
        live.report(f"an input cannot be taken ({item.kind})", error)
        live.trail.done(item.mark)
        if item.kind == "register":  # a page that cannot be sent: say so, where else it would load for ever
            live.output.muted = False
            live.session.error(f"The page cannot be sent: {error}")
        live.changed()

    # -- what runs no handler -----------------------------------------------------------------------

    def _apply(self, item: Input) -> None:
        """Changed properties, for example of typing: state without output."""
        live = self._live
        self._intake.begin(item)
        try:
            live.session.apply_patch(item.body["id"], item.body["props"])
        except Exception as error:  # noqa: BLE001 - from data of a client
            live.report("properties from the client do not fit", error)
        live.trail.done(item.mark)
        live.changed(urgent=False)

    def _reply(self, item: Input) -> None:
        """Hand a client call's answer to who awaits it.

        It waits for the lane like other inputs: who awaits it runs on the loop, and in Flet would never run
        between two lines of a sync handler. A sync handler cannot wait for answers, there or here.
        """
        live = self._live
        self._intake.begin(item)
        body = item.body
        try:
            live.session.handle_invoke_method_results(
                body["control_id"], body["call_id"], body.get("result"), body.get("error")
            )
        except (RuntimeError, KeyError) as error:
            logger.debug("session %s: late reply to a client call: %s", live.id, error)
        live.trail.done(item.mark)
        live.changed(urgent=False)

    # -- handlers -----------------------------------------------------------------------------------

    def _event(self, item: Input) -> None:
        """Find out how the event's handler wants to run, and run it."""
        body, session = item.body, self._live.session
        target, name = body.get("target"), body.get("name")
        control = session.index.get(target)
        if control is None:
            self._live.host.observer.count("events_without_control")
        handler = getattr(control, f"on_{name}", None)
        coro = session.dispatch_event(target, name, body.get("data"))
        self._run(item, coro, handler, f"{type(control).__name__}({target}).on_{name}")

    def _own(self, item: Input, own: OwnEvent) -> None:
        """Run the handler of an event that Flet fires itself."""
        handler = getattr(self._live.page, f"on_{own.name}", None)
        self._run(item, sign_in.dispatch(self._live, own), handler, f"Page.on_{own.name}")

    def _run(self, item: Input, coro: Coroutine[Any, Any, Any], handler: Any, what: str) -> None:
        """Run a dispatch: in the lane when its handler is sync, as a task otherwise."""
        live = self._live
        started = Started(item.seq, self._key_of(item), what)
        event = Event(started.key, what, item.again or self._unknown(item))
        coro = within(event, coro, live.trail.handling(item.mark, what, started.key))
        live.handlers.run(
            coro,
            handler,
            what,
            lambda: self._finished(started.key, item.mark),
            lambda: self._begun(item, started),
        )

    def _begun(self, item: Input, started: Started) -> None:
        """The handler takes its first step: from here on the record names it as started."""
        intake = self._intake
        intake.begin(item)
        intake.progress.running[started.key] = started
        if item.kind == "own":
            intake.own_events.remove(item.body)
        elif item.kind == "deliver":
            self._live.messages.begun(item.body)
        elif item.kind == "hook":
            item.body.begins(self._live)

    def _finished(self, key: str, mark: Any) -> None:
        """The handler has ended."""
        live = self._live
        self._intake.progress.running.pop(key, None)
        live.trail.done(mark)
        live.host.faults.hit("applied", live.id)
        live.changed()

    # -- keys ---------------------------------------------------------------------------------------

    def _unknown(self, item: Input) -> bool:
        """Whether an input that no browser numbered may be one that a node died of.

        Events that Flet fires and calls that the app asked for come from the session's state, which knows.
        """
        return self._live.again and not item.seq and item.kind not in {"own", "hook"}

    def _key_of(self, item: Input) -> str:
        """Return an idempotency key. What comes without a name, and never again, gets a new one.

        The numbers of a plain client are its node's: another node may give the same to another event.
        """
        session_id = self._live.id
        if item.key:
            return f"{session_id}:{item.key}"
        if item.seq:
            return f"{session_id}:{item.instance or self._nonce}:{item.seq}"
        self._unnumbered += 1
        return f"{session_id}:{self._nonce}.{self._unnumbered}"
