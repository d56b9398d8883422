"""A session's pictures: its snapshot with all that goes with it into a commit (layer 3: may import Flet)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from flet_cluster.errors import GraphChanged
from flet_cluster.host import kept
from flet_cluster.host.inputs import Started
from flet_cluster.host.picture import Captured, Extra
from flet_cluster.host.portable import SessionImage, capture_session, image_of
from flet_cluster.host.starters import described
from flet_cluster.model import MainState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flet_cluster.host.camera import Camera
    from flet_cluster.host.live import LiveSession

MOST_TASKS = 100
"""How many tasks, threads and timers a record names (I7)."""


class Pictures:
    """Takes the pictures of one session. On the loop.

    Attributes:
        camera: takes the snapshot, however the session's threads move.
    """

    __slots__ = ("_keeper", "_live", "camera")

    def __init__(self, live: LiveSession, camera: Camera) -> None:
        self._live = live
        self._keeper = kept.Keeper()
        self.camera = camera

    @property
    def possible(self) -> bool:
        """Whether one may be taken now: no worker of the session is between two of its steps.

        None is taken before the client has its first answer either: a node that took over from it could
        neither go on with ``before_main`` nor give that answer.
        """
        live = self._live
        return live.lane.at_rest and not live.session.patching and not live.preparing

    def take(self) -> Captured:
        """Take a snapshot and the output that it accounts for.

        Raises:
            GraphChanged: not now, and its output stays here.
        """
        live, inputs = self._live, self._live.inputs
        output = live.output.take()
        try:
            graph, obstacle = self.camera.take(live.session, self._shoot)
        except GraphChanged:
            live.output.put_back(output)
            raise
        return Captured(
            graph,
            obstacle,
            inputs.progress.rx,
            live.main,
            (*inputs.progress.running.values(), *self._losable()),
            tuple(output.packets),
            tuple(output.publications),
            tuple(output.sign_ins),
            live.entries.position,
            live.pubsub.subscriptions.keys,
            live.messages.position,
            len(inputs.own_events) + len(live.messages.due),
        )

    def graph(self, externals: Mapping[str, object]) -> bytes:
        """Return the snapshot for a process that has these externals. Raises NotPortable, GraphChanged."""
        live = self._live
        return capture_session(live.session, self._extra(), live.host.code, live.host.portables, externals)

    def image(self) -> SessionImage:
        """Return the root of the snapshot."""
        return image_of(self._live.session, self._extra())

    def _shoot(self) -> bytes:
        """Pickle the session and what the host keeps about it."""
        live = self._live
        graph = self.graph(live.externals)
        return kept.wrap(self._keeper.write(live.session, live.host, live.externals), graph)

    def _extra(self) -> Extra:
        """Return what the host keeps about the session."""
        live = self._live
        calls, events = list(live.background.calls), list(live.inputs.own_events)
        main = live.entry.main if live.entry.own and live.main is MainState.PENDING else None
        due = list(live.messages.due)
        return Extra(
            calls, live.pubsub.subscriptions, live.client, events, live.variables, due, main, live.hooks
        )

    def _losable(self) -> list[Started]:
        """Work that nobody can start again, for whoever finds it missing. It has no key."""
        return [Started(0, "", what) for what in itertools.islice(self._lasting_work(), MOST_TASKS)]

    def _lasting_work(self) -> Iterator[str]:
        yield from (described(task) for task in tuple(self._live.tasks.watched) if not task.done())
        yield from self._live.work.names
