"""The two halves of a published app's check, each in a process of its own.

``stay`` runs the app, takes the snapshot and goes on; ``move`` goes on from the snapshot, in a process that
never ran ``main``. Both fire the same handlers and record the packets.
"""

from __future__ import annotations

import logging
import pickle
import random
import sys
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.hosted import Hosted
from tests.crash.garbage import collect_garbage_in_time
from tests.crash.handlers import Firing, handlers

from flet_cluster.errors import ClusterError, ProgramError
from flet_cluster.host.program import load_program
from flet_cluster.model import MainState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flet_cluster.host.picture import Captured

MOST_HANDLERS = 40
"""So many handlers of a page are fired; a catalogue of icons has thousands that are the same."""
Fired = list[tuple[str, list[bytes]]]


@dataclass(slots=True)
class Half:
    """What one process saw.

    Attributes:
        failure: why there is no session: the app did not start, or the snapshot could not be read.
        captured: the snapshot, taken by the half that stays.
        heard: the packets until then.
        graph: the session's description at the snapshot.
        doing: what ran at the snapshot and starts again, or is lost, after a move.
        fired: packets by handler; the first entry is what going on itself caused.
        late_obstacle: why the session could not travel after some handler, though it could before.
    """

    failure: str = ""
    captured: Captured | None = None
    heard: list[bytes] = field(default_factory=list)
    graph: Any = None
    doing: list[str] = field(default_factory=list)
    fired: Fired = field(default_factory=list)
    late_obstacle: str = ""


def stay(script: str, folder: str, path: Sequence[str]) -> None:
    """Run the app; what it saw is in ``FOLDER/stay``."""
    half = Half()
    try:
        _stay(half, script, Path(folder), path)
    except ProgramError as error:
        half.failure = f"not loaded: {error}"
    (Path(folder) / "stay").write_bytes(pickle.dumps(half))


def _stay(half: Half, script: str, folder: Path, path: Sequence[str]) -> None:
    hosted, errors = _open(script, path), _Errors()
    logging.getLogger().addHandler(errors)
    hosted.start()
    half.captured, half.heard = replace(hosted.captured, publications=()), list(hosted.heard)
    if hosted.client.crashes:
        half.failure = f"main raises {errors.last or hosted.client.crashes[0]}"
        return
    half.graph, half.doing = hosted.describe(), _doing(hosted)
    (folder / "snapshot").write_bytes(pickle.dumps((half.captured, half.heard)))
    random.seed(2)
    half.fired = [("going on", hosted.send([])), *_fire(hosted)]
    if hosted.captured.obstacle and not half.captured.obstacle:
        half.late_obstacle = hosted.captured.obstacle


class _Errors(logging.Handler):
    """Keeps the last exception that was logged."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Note its type and message."""
        if record.exc_info and record.exc_info[1] is not None:
            self.last = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"


def move(script: str, folder: str, path: Sequence[str]) -> None:
    """Go on from the snapshot; what it saw is in ``FOLDER/move``."""
    half = Half()
    hosted = _open(script, path)
    captured, heard = pickle.loads((Path(folder) / "snapshot").read_bytes())
    try:
        half.graph = hosted.restore(captured, heard)
    except ClusterError as error:
        half.failure = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    else:
        random.seed(2)
        half.fired = [("going on", hosted.wake()), *_fire(hosted)]
    (Path(folder) / "move").write_bytes(pickle.dumps(half))


def _open(script: str, path: Sequence[str]) -> Hosted:
    logging.basicConfig(level=logging.WARNING)
    sys.path[1:1] = path
    collect_garbage_in_time()
    random.seed(1)
    return Hosted(load_program(script))


def _doing(hosted: Hosted) -> list[str]:
    live = hosted.live
    found = ["main"] if live.main is MainState.RUNNING else []
    found += [f"{call.kind} {call.function!r}" for call in live.background.calls]
    return found + [f"bare task {task.get_name()}" for task in live.tasks.watched]


def _fire(hosted: Hosted) -> Fired:
    found = handlers(hosted.client)[:MOST_HANDLERS]
    return [(str(handler), hosted.send(Firing(handler).packets(hosted.client))) for handler in found]
