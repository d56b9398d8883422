"""The run as a whole: options, who takes part, how it ends.

At the end all users stop doing things, and each waits until what it has sent is acknowledged and shown.
Locust's master does not wait for that when it is told to quit; so it is asked to here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from locust import events
from locust.runners import MasterRunner, WorkerRunner

from loadtest import _report

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from locust import User
    from locust.env import Environment

    from loadtest._user import FletUser

logger = logging.getLogger(__name__)

closing = Event()
"""Set while a run ends: nobody begins anything."""
present: set[FletUser] = set()
"""Users of this process with an open page."""
_SETTLE, _SETTLED = "flet-settle", "flet-settled"
_settled: set[str] = set()


@events.init_command_line_parser.add_listener
def _options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("Flet")
    add = group.add_argument
    add("--pause", type=float, default=1.0, help="seconds between two things that a user does, on average")
    add("--visit", type=int, default=200, help="things that a user does before it opens a new page")
    add("--skip", default="", help="regular expression: leave controls with such a label alone")
    add("--settle", type=float, default=30.0, help="seconds that all may take to arrive at the end")
    add("--drop-every", type=float, default=60.0, help="MobileUser: seconds between losses of the network")
    add(
        "--storm-every",
        type=float,
        default=30.0,
        help="StormUser: seconds between losses for all at once",
    )
    add("--upload-bytes", type=int, default=1_000_000, help="UploadUser: size of a file")
    add("--sign-in-button", default="sign in|log in|login", help="LoginUser: regular expression of its label")
    add("--chaos-parent", type=int, default=0, help="chaos: process id of flet-cluster run --workers N")
    add("--chaos-every", type=float, default=15.0, help="chaos: seconds between two kills, on average")


@events.init.add_listener
def _choose(environment: Environment, runner: Any, **_: Any) -> None:
    """Leave out optional users that nobody asked for. Workers run whom the master names."""
    # A timer counts from when its loop last looked at the clock, and all imports lie in between: without this
    # a run on a busy machine would end too early.
    gevent.get_hub().loop.update_now()
    if isinstance(runner, WorkerRunner):
        runner.register_message(_SETTLE, _settle_here, concurrent=True)
        return
    if isinstance(runner, MasterRunner):
        runner.register_message(_SETTLED, _note_settled)
    options: Any = environment.parsed_options
    named, tags = set(options.user_classes or ()), set(options.tags or ())
    environment.user_classes[:] = [
        cls for cls in environment.user_classes if _takes_part(cls, cls.__name__ in named, tags)
    ]


def _takes_part(cls: type[User], named: bool, tags: set[str]) -> bool:
    tagged = any(tags & getattr(task, "locust_tag_set", set()) for task in cls.tasks)
    return tagged if tags else named or not getattr(cls, "optional", False)


@events.test_start.add_listener
def _begin(environment: Environment, **_: Any) -> None:
    closing.clear()
    _settled.clear()
    _report.show_faults(environment)


@events.test_stopping.add_listener
def _end(environment: Environment, **_: Any) -> None:
    runner: Any = environment.runner
    if isinstance(runner, MasterRunner):
        waiting = {client.id for client in runner.clients.all}
        runner.send_message(_SETTLE)
        with gevent.Timeout(_patience(environment) + 10, False):
            while not _settled >= waiting:  # messages set no event
                gevent.sleep(0.1)
        if missing := waiting - _settled:
            logger.error("Workers that did not say that their users are done: %s", ", ".join(missing))
            environment.process_exit_code = 1
    elif not closing.is_set():
        _settle(environment)


def _patience(environment: Environment) -> float:
    options: Any = environment.parsed_options
    return float(options.settle) + 10


def _settle(environment: Environment) -> None:
    closing.set()
    options: Any = environment.parsed_options
    waits = [gevent.spawn(user.settle, options.settle) for user in present]
    gevent.joinall(waits, timeout=_patience(environment))


def _settle_here(environment: Environment, **_: Any) -> None:
    """On a worker: settle, hand in the last figures, say so."""
    _settle(environment)
    runner: Any = environment.runner
    data: dict[str, Any] = {}
    environment.events.report_to_master.fire(client_id=runner.client_id, data=data)
    runner.send_message(_SETTLED, data)


def _note_settled(environment: Environment, msg: Any, **_: Any) -> None:
    """On the master: take a worker's last figures."""
    environment.events.worker_report.fire(client_id=msg.node_id, data=msg.data)
    _settled.add(msg.node_id)


@events.quitting.add_listener
def _judge(environment: Environment, **_: Any) -> None:
    """Fail a run in which something was lost or doubled, or nothing was done."""
    if isinstance(environment.runner, WorkerRunner):
        return
    found = {name: count for name, count in _report.faults(environment).items() if count}
    done = _report.events(environment)
    if found:
        logger.error("FAILED: %s", ", ".join(f"{name}: {count}" for name, count in found.items()))
    elif not done:
        logger.error("FAILED: no user could do anything: %s", _report.why_nothing(environment))
    else:
        logger.info("%d events, none lost, none doubled", done)
    if found or not done:
        environment.process_exit_code = 1
