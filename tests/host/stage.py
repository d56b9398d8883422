"""A session on a recording connection, in a process of its own.

``python -m tests.host.stage start APP FOLDER`` runs the app, takes a snapshot, then fires every handler and
records the packets. ``... resume APP FOLDER`` does the second half from the snapshot, in a process that
never ran ``main``. APP is a module of ``tests.apps`` or the path of a script.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import logging
import os
import pickle
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flet.messaging.session
from flet.components.hooks.use_effect import EffectHook
from flet.controls.context import _context_page, context
from flet.messaging.connection import Connection
from flet.messaging.protocol import Message, MessageAction
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub
from tests.app_loader import App, load
from tests.browser import Browser
from tests.page_dump import describe_session
from tests.virtual_loop import VirtualLoop

from flet_cluster.host import wire
from flet_cluster.host.portable import capture_session, flet_portables, restore_session, resume_updates
from flet_cluster.snapshot import CodeIndex, Portables

if TYPE_CHECKING:
    from collections.abc import Coroutine

PATIENCE = 5.0
Fired = list[tuple[tuple[int, str], list[bytes]]]


class RecordingConnection(Connection):
    """Keeps the packets that a browser would get."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.packets: list[bytes] = []
        self.loop = loop
        self.executor = loop.workers
        self.pubsubhub = PubSubHub(loop, loop.workers)
        self.page_url = "http://localhost/"

    def send_message(self, message: Message) -> None:
        self.packets.append(wire.encode(message))


@dataclass(slots=True)
class Record:
    """What one half of the run saw.

    Attributes:
        graph: the session's object graph at the snapshot (start) or after it was restored (resume).
        fired: for each event the packets it caused.
        after: the object graph at the end.
        crashed: what ``main`` raised, if it did.
    """

    graph: Any = None
    fired: Fired = field(default_factory=list)
    after: Any = None
    crashed: str = ""


class Stage:
    """One process: a loop, a connection, the app's code."""

    def __init__(self, app: str) -> None:
        logging.disable(logging.CRITICAL)
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(lambda _loop, _context: None)
        asyncio.set_event_loop(self.loop)
        self.app, self.code = load_app(app)
        self.portables: Portables = flet_portables()
        self.connection = RecordingConnection(self.loop)

    @property
    def externals(self) -> dict[str, object]:
        """What belongs to the process."""
        connection = self.connection
        return {
            "connection": connection,
            "pubsub": connection.pubsubhub,
            "loop": self.loop,
            "executor": connection.executor,
        }

    def settle(self) -> None:
        """Run until nothing moves, or the patience is over."""
        until = self.loop.time() + PATIENCE
        self.loop.run_until_idle()
        while self.loop.skip_to_timer(until):
            self.loop.run_until_idle()

    def start(self) -> Session:
        """Run the app like Flet does."""
        session = Session(self.connection)
        _context_page.set(session.page)
        session.apply_page_patch(Browser().page_fields())
        self.run(self.prepare(session))
        register(session)
        self.run(self.main(session))
        return session

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run on the loop, in the context that has the page, until nothing moves; report what it raises."""
        task = self.loop.create_task(coroutine)
        self.settle()
        if task.done():
            task.result()

    async def prepare(self, session: Session) -> None:
        """Call ``before_main``."""
        if self.app.before_main is not None:
            result = self.app.before_main(session.page)
            if inspect.isawaitable(result):
                await result

    async def main(self, session: Session) -> None:
        """Call ``main`` as Flet does."""
        context.reset_auto_update()  # type: ignore[no-untyped-call]
        result = self.app.main(session.page)
        if inspect.isawaitable(result):
            await result
        await session.after_event(session.page)

    def subscriptions(self, session: Session) -> tuple[set[Any], dict[str, set[Any]]]:
        """Handlers of the session in the process's hub: all messages, then by topic."""
        hub = vars(self.connection.pubsubhub)
        everything = hub["_PubSubHub__subscribers"].get(session.id, set())
        return everything, hub["_PubSubHub__subscriber_topics"].get(session.id, {})

    def subscribe(self, session: Session, everything: set[Any], topics: dict[str, set[Any]]) -> None:
        """Subscribe a restored session again."""
        for handler in everything:
            session.pubsub_client.subscribe(handler)
        for topic, handlers in topics.items():
            for handler in handlers:
                session.pubsub_client.subscribe_topic(topic, handler)

    def fire(self, session: Session) -> Fired:
        """Fire every handler of every control, in the order of their ids."""
        wanted = [
            (number, name[3:])
            for number in sorted(session.index.keys())
            for name, handler in sorted(session.index[number]._values.items())
            if name.startswith("on_") and handler is not None
        ]
        return [((number, name), self.event(session, number, name)) for number, name in wanted]

    def event(self, session: Session, number: int, name: str) -> list[bytes]:
        """Send one event and return the packets it caused."""
        seen = len(self.connection.packets)
        self.loop.create_task(session.dispatch_event(number, name, None))
        self.settle()
        return self.connection.packets[seen:]


def register(session: Session) -> None:
    """Send the page for the first time: encoding it fills the bookkeeping of the diff."""
    patch = session.get_page_patch()  # type: ignore[no-untyped-call]
    wire.encode(Message(MessageAction.REGISTER_CLIENT, patch))


def load_app(app: str) -> tuple[App, CodeIndex]:
    """Import the app as a module and return it with its code index."""
    if not app.endswith(".py"):
        return load(app), CodeIndex(lambda name: name.startswith("tests.apps."))
    path = Path(app)
    sys.path.insert(0, str(path.parent))
    module = importlib.import_module(path.stem)
    return App(module.main), CodeIndex([path.parent])


def deterministic() -> None:
    """Make ids of client calls and random numbers the same in both processes."""
    numbers = iter(range(10**6))
    messaging: Any = flet.messaging.session
    messaging.random_string = lambda length: f"{next(numbers):0{length}}"
    random.seed(1)


def start(app: str, folder: Path) -> Record:
    """First half: run the app, take the snapshot, go on."""
    stage = Stage(app)
    session = stage.start()
    extra = {"here": session.page, "heard": stage.subscriptions(session)}
    data = capture_session(session, extra, stage.code, stage.portables, stage.externals)
    (folder / "snapshot").write_bytes(data)
    return proceed(stage, session)


def resume(app: str, folder: Path) -> Record:
    """Second half, in a process that did not run ``main``."""
    stage = Stage(app)
    data = (folder / "snapshot").read_bytes()
    session, extra = restore_session(data, stage.code, stage.portables, stage.externals)
    assert extra["here"] is session.page
    stage.subscribe(session, *extra["heard"])
    _context_page.set(session.page)
    resume_updates_on(stage, session)
    return proceed(stage, session)


def resume_updates_on(stage: Stage, session: Session) -> None:
    """Start the scheduler from inside of the loop."""
    stage.loop.call_soon(resume_updates, session)
    stage.settle()


def proceed(stage: Stage, session: Session) -> Record:
    """What both halves do with the session."""
    deterministic()
    for hook in [found for found in gc.get_objects() if isinstance(found, EffectHook)]:
        hook._setup_task = hook._cleanup_task = None  # tasks do not travel; their results are of no use
    record = Record(graph=describe_session(session))
    record.fired = stage.fire(session)
    session.page.update()
    record.fired.append(((0, "update"), stage.connection.packets[-1:]))
    record.after = describe_session(session)
    return record


def main(half: str, app: str, folder: str) -> None:
    """Write the record of one half to ``FOLDER/HALF``."""
    record = {"start": start, "resume": resume}[half](app, Path(folder))
    (Path(folder) / half).write_bytes(pickle.dumps(record))
    sys.stdout.flush()
    os._exit(0)  # parked tasks would only complain while the loop is torn down


if __name__ == "__main__":
    from tests.host.stage import main as run  # the same classes as the process that reads the record

    run(*sys.argv[1:])
