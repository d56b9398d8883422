"""The reference of the crash tests: a script on stock Flet, and then every handler that is on the page.

Runs in a fresh process, forked from a zygote that has imported stock Flet and nothing of the product.
"""

from __future__ import annotations

import asyncio
import functools
import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.crash.garbage import collect_garbage_in_time
from tests.crash.handlers import Firing, handlers
from tests.crash.zygote import PYTHONPATH
from tests.scripts import SCRIPTS
from tests.twin import ENVIRONMENT, ROOT, Observation, Twin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.zygote import Zygote

TWIN_MODULES = ("flet", "tests.crash.reference")
SECONDS = 100.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What one step did, as the client sees it: the server's packets (canonical) and the tree afterwards."""

    step: str
    packets: tuple[bytes, ...]
    mirror: Any


@dataclass(frozen=True, slots=True)
class Recording:
    """One run: the registration and each step of the script; then each handler fired."""

    script: tuple[Seen, ...]
    fired: tuple[Seen, ...]


def _seen(observation: Observation) -> Seen:
    return Seen(observation.step, observation.packets, observation.mirror)


def record(app: str, count: int, out: str) -> None:
    """Run in the forked process: write the recording of ``count`` steps of an app's script to a file."""
    collect_garbage_in_time()
    script = SCRIPTS[app]
    twin = Twin(script)
    steps = [_seen(twin.observe("register", [twin.client.register()]))]
    steps += [_seen(twin.observe(repr(step), twin.client.step(step))) for step in script.steps[:count]]
    for expectation in script.expect if count == len(script.steps) else ():
        expectation.check(twin.client)
    Path(out).write_bytes(pickle.dumps(Recording(tuple(steps), tuple(_fire(twin)))))


def _fire(twin: Twin) -> Iterator[Seen]:
    for handler in handlers(twin.client):
        packets = Firing(handler).packets(twin.client)
        yield _seen(twin.observe(str(handler), packets))


class References:
    """Recordings, each made once."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self._recorded = functools.cache(self._record)

    def of(self, app: str, count: int | None = None) -> Recording:
        """The recording of an app's script, or of its first ``count`` steps."""
        return self._recorded(app, len(SCRIPTS[app].steps) if count is None else count)

    def _record(self, app: str, count: int) -> Recording:
        return asyncio.run(self._run(app, count))

    async def _run(self, app: str, count: int) -> Recording:
        with tempfile.TemporaryDirectory() as folder:
            out, log = Path(folder) / "out", Path(folder) / "log"
            env = {**ENVIRONMENT, "PYTHONPATH": PYTHONPATH}
            pid = self._zygote.start("tests.crash.reference:record", (app, count, str(out)), env, ROOT, log)
            status = await self._zygote.ended(pid, SECONDS)
            assert status == 0, f"{app}: {log.read_text()}"
            recorded: Recording = pickle.loads(out.read_bytes())
        return recorded
