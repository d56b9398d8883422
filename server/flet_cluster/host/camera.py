"""Takes a session's picture although threads of the app may run (layer 3: may import Flet).

What can be promised: threads of ``page.run_thread`` that run at that moment are not waited for, or an endless
one would keep its session from every commit. A picture never falls into the middle of an ``update()``, and
one that was being changed while it was taken, as far as that shows, is taken again. Between two updates of
such a thread, a picture may hold one half of what the thread was doing: it starts again from its beginning,
so it must bear to find a part of its work done anyway.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from flet_cluster.errors import GraphChanged, NotPortable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from flet_cluster.host.session import HostSession

HOLDS = (0.0, 0.05, 0.5)
"""For how long other threads are held off, at each attempt, seconds."""
PATIENCE = 10.0
"""After so many seconds of attempts that failed, a session changes too fast for any picture."""
SLOW = 0.05
"""What a failure may take, seconds; one that takes longer is remembered ..."""
PAUSE = 20
"""... for so many times as long, before it is looked for again (I9)."""

MB = 1_000_000
TOO_BIG = (
    "its state has {:.0f} MB, and at most {:.0f} MB can be stored; keep what is big in a file or a database, "
    "in a module's global if it is the same for all users, or make it with flet_cluster.resource"
)


@contextlib.contextmanager
def alone(seconds: float) -> Iterator[None]:
    """Keep other threads from interrupting this one, for at most so long, as far as it never waits.

    A thread that wants the interpreter lock asks for it after the switch interval, and gets it then.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(max(before, seconds))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Camera:
    """Takes the pictures of one session, on the loop.

    Args:
        loop: the session's.
        again: asks for another picture.
        most: bytes that a picture may have.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, again: Callable[[], None], most: int = sys.maxsize
    ) -> None:
        self._most = most
        self._loop = loop
        self._again = again
        self._obstacle = ""
        self._not_before = 0.0
        self._asked = False
        self._changing_since: float | None = None

    def take(self, session: HostSession, shoot: Callable[[], bytes]) -> tuple[bytes, str]:
        """Return (graph, "") or (b"", why the session cannot travel).

        Raises:
            GraphChanged: not now; try again in a moment, and do nothing that needs the picture meanwhile.
        """
        if self._loop.time() < self._not_before:
            self._ask_again()
            return b"", self._obstacle
        began = time.perf_counter()
        try:
            graph = self._bounded(self._steady(session, shoot))
        except NotPortable as error:
            self._remember(str(error), time.perf_counter() - began)
            return b"", self._obstacle
        return graph, ""

    def forget(self) -> None:
        """Something that may have been the obstacle is not part of the session any more."""
        self._obstacle, self._not_before = "", 0.0

    def _steady(self, session: HostSession, shoot: Callable[[], bytes]) -> bytes:
        """Try until nothing changes meanwhile."""
        for seconds in HOLDS:
            try:
                if seconds:
                    with alone(seconds):
                        graph = _unchanged(session, shoot)
                else:
                    graph = _unchanged(session, shoot)
            except GraphChanged as error:
                changed = error
            else:
                self._changing_since = None
                return graph
        now = self._loop.time()
        if self._changing_since is None:
            self._changing_since = now
        if now - self._changing_since > PATIENCE:
            raise NotPortable("page", f"it never stands still: {changed}") from changed
        raise changed

    def _bounded(self, graph: bytes) -> bytes:
        """Return the picture, unless it is too big. Raises NotPortable."""
        if len(graph) > self._most:
            raise NotPortable("page", TOO_BIG.format(len(graph) / MB, self._most / MB))
        return graph

    def _remember(self, obstacle: str, took: float) -> None:
        """A failure that takes long must not be found anew at each commit."""
        self._obstacle = obstacle
        if took > SLOW:
            self._not_before = self._loop.time() + PAUSE * took

    def _ask_again(self) -> None:
        """Something was committed without a look: look when it is time."""
        if not self._asked:
            self._asked = True
            self._loop.call_at(self._not_before, self._due)

    def _due(self) -> None:
        """The failure is forgotten."""
        self._asked = False
        self._again()


def _unchanged(session: HostSession, shoot: Callable[[], bytes]) -> bytes:
    """Take a picture into which no update of the page falls.

    Raises:
        GraphChanged: one did, or something else that was being written changed.
    """
    before = session.patches
    if session.patching:
        raise GraphChanged("a thread updates the page")
    graph = shoot()
    if session.patches != before:
        raise GraphChanged("a thread updated the page")
    return graph
