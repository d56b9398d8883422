"""What a node process of the crash tests runs: the product's own application, with two windows for the test.

The factories here are given to ``run_target`` in place of :func:`flet_cluster.application.create_app`. They
add the route :data:`QUIET`, which tells exactly when nothing moves any more, and note each run of the app's
``main`` in the file that :data:`MAIN_RUNS` names. :func:`crashing` also dies where it is told to.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.crash.garbage import collect_garbage_in_time

from flet_cluster.application import create_app
from flet_cluster.events import FaultPoints
from flet_cluster.host import rest, startup
from flet_cluster.transport.outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.requests import Request

    from flet_cluster.host.program import Program
    from flet_cluster.node.seat import Seat
    from flet_cluster.settings import Settings

QUIET = "/tests/quiet"
MAIN_RUNS = "TEST_MAIN_RUNS"
CRASH_AT = "TEST_CRASH_AT"


def observed(program: Program, settings: Settings, faults: FaultPoints | None = None) -> FastAPI:
    """The node, with the windows."""
    collect_garbage_in_time()
    _note_runs_of_main()
    application = create_app(program, settings, faults=faults)

    async def quiet(request: Request) -> JSONResponse:
        """Describe each session that is here.

        What was published while the end of the stream was asked for lies behind that end: so it is asked
        for again, and as long as it moves nobody has heard all.
        """
        node = application.state.node
        end = await node.store.stream_end()
        seats = {seat.id: _describe(seat, end) for seat in node.seats.values()}
        stands = await node.store.stream_end() == end
        return JSONResponse(
            {name: state | {"quiet": state["quiet"] and stands} for name, state in seats.items()}
        )

    application.router.routes.insert(0, Route(QUIET, quiet))
    return application


def _describe(seat: Seat, end: int) -> dict[str, Any]:
    return {
        "quiet": _is_quiet(seat) and _has_heard_all(seat, end),
        "dormant": seat.live is None,
        "tx": seat.showing.outbox.tx,
        "rx": seat.committed.rx if seat.committed else 0,
        "commits": seat.committed.n if seat.committed else 0,
    }


def _is_quiet(seat: Seat) -> bool:
    """Nothing runs, nothing waits to run, and the store has it all."""
    if seat.committed is None or not seat.committer.idle or seat._lazy is not None:
        return False
    live = seat.live
    return live is None or (
        rest.releasable(live)
        and not live.background.calls
        and not live.session.has_pending_render
        and not live.lane.waited_for
    )


def _has_heard_all(seat: Seat, end: int) -> bool:
    """What it has published is in the stream, and what it hears up to its end has come."""
    return not seat.publisher.busy and (not seat.feed.hears or seat.feed.cursor >= end)


def _note_runs_of_main() -> None:
    """Write down each session whose ``main`` this process begins to run."""
    run = startup._main

    def noted(live: Any, main: Any) -> Any:
        _append(MAIN_RUNS, f"{live.id} {os.getpid()}")
        return run(live, main)

    startup._main = noted


def _append(variable: str, line: str) -> None:
    """Write once to a file opened for appending: so processes that die or race spoil no line."""
    with Path(os.environ[variable]).open("ab", buffering=0) as file:
        file.write(f"{line}\n".encode())


class Crash(FaultPoints):
    """Dies at one pass of one point.

    ``CRASH_AT=committed:3`` means: at the third pass of ``committed``, before anything that comes after it.
    While the node drains, the points are others: ``draining-committed``.
    """

    def __init__(self) -> None:
        self._name, _, number = os.environ.get(CRASH_AT, ":0").partition(":")
        self._left = int(number)
        self.prefix = ""

    def hit(self, name: str, session_id: str, /) -> None:
        """Pass a point."""
        if self.prefix + name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


_points = Crash()


def point(name: str) -> None:
    """A place in a sample app where the process may die: before and after an await or an update."""
    _points.hit(name, "")


def crashing(program: Program, settings: Settings) -> FastAPI:
    """The node that dies where ``CRASH_AT`` says."""
    global _points  # noqa: PLW0603 - this process was forked before it was told where
    _points = Crash()
    Outgoing._send = _sending(Outgoing._send)  # type: ignore[method-assign]
    application = observed(program, settings, _points)
    drain = application.state.drain

    async def drain_from_here() -> None:
        """Give the points of a node that leaves names of their own."""
        _points.prefix = "draining-"
        await drain()

    application.state.drain = drain_from_here
    return application


def _sending(send: Callable[..., Any]) -> Callable[..., Any]:
    """Pass ``sent`` after each message that was given to the network.

    So the browser has everything up to it: at ``released`` and ``acknowledged`` it is still in this process.
    """

    async def noted(self: Outgoing, message: str | bytes) -> None:
        await send(self, message)
        _points.hit("sent", "")

    return noted


# The app's ``point`` must be this module's, also where the tests' folder is found under another name.
assert sys.modules[__name__] is sys.modules["tests.crash.nodes"]
