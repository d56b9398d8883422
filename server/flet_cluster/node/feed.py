"""What one seat hears of the app's stream, and how far it has heard (layer 3).

Who hears a message is decided here, without the session's objects: a session that sleeps is woken by what it
subscribes to and by nothing else.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flet_cluster.host import rest
from flet_cluster.host.messages import Arrived
from flet_cluster.host.pubsub import MISSED

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from flet_cluster.host.pubsub import Publication
    from flet_cluster.model import Commit
    from flet_cluster.node.seat import Seat
    from flet_cluster.node.vault import Meta
    from flet_cluster.stores.base import SessionStore

logger = logging.getLogger("flet_cluster.node")


@dataclass(frozen=True, slots=True)
class Heard:
    """A message out of the stream, verified; ``publication`` is None when it did not verify."""

    n: int
    before: int
    publication: Publication | None


class Feed:
    """One seat's end of the stream.

    Attributes:
        hears: what the last commit subscribes to, and after which number each.
        cursor: the number up to which the seat was given what it hears.
        behind: there may be more before what this node reads now.
        behind_at: a position of its record that the stream had left behind, and when that was first seen,
            on the loop's clock.
        job: catches up.
    """

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self.hears: dict[str, int] = {}
        self.cursor = 0
        self.behind = False
        self.behind_at: tuple[int, float] = (0, 0.0)
        self.job: asyncio.Task[None] | None = None

    @property
    def wanted(self) -> bool:
        """Whether the session hears anything, and is still here."""
        return bool(self.hears) and not self._seat.lost

    @property
    def takes(self) -> bool:
        """Whether it can take messages now; one that is about to leave takes them where it goes."""
        seat, live = self._seat, self._seat.live
        if seat.leaving or (live is not None and live.messages.full):
            return False
        return not seat.wants_rest or (live is not None and rest.held_up(live))

    def give(self, page: Iterable[Heard], last: int) -> None:
        """Give the seat a page that follows its cursor, or begins before it, as far as it takes it.

        Args:
            page: the messages, in order.
            last: without messages: how far the stream has come.

        Raises:
            SealBroken, SnapshotError: its session cannot be rebuilt.
        """
        empty = True
        for heard in page:
            empty = False
            if heard.n <= self.cursor:
                continue
            if not self.takes:
                self.behind = True
                return
            if heard.before > self.cursor:
                self._missed(heard.before)
            elif heard.before < self.cursor < heard.n - 1:  # numbers that came in between were taken back
                self._missed(heard.n - 1)
            self._hear(heard)
        if empty and last > self.cursor:
            self._missed(last)
        if self._seat.live is not None:
            self._seat.live.messages.passed(self.cursor)

    def _hear(self, heard: Heard) -> None:
        publication, before = heard.publication, self.cursor
        if publication is not None and publication.except_session != self._seat.id:
            since = self.hears.get(publication.key)
            if since is not None and heard.n > since:
                arrived = Arrived(heard.n, publication.body, before, publication.trace)
                self._seat.wake().messages.put(arrived)
        self.cursor = heard.n

    def _missed(self, until: int) -> None:
        """Say that messages are gone (I6)."""
        seat, since = self._seat, self.cursor
        logger.warning(
            "session %s: pub/sub messages of %.1f s are gone, it hears no more of them",
            seat.id,
            (until - since) / 1e6,
        )
        seat.node.observer.count("pubsub_gap", reason="gone")
        if MISSED in self.hears:
            seat.wake().messages.put(Arrived(until, None, since))
        self.cursor = until


async def placed(
    commit: Commit, meta: Meta, keys: Iterable[str], store: SessionStore
) -> tuple[Commit, dict[str, int]]:
    """Return a commit with what it subscribes to, each with the number after which it hears that.

    What is new in it begins at the end of the stream: older messages are not for it, and whatever is
    published when this commit is in the store comes later.

    Args:
        commit: about to be written.
        meta: its facts, with what the commit before subscribed to.
        keys: what this one subscribes to.
        store: asked only if something is new.

    Raises:
        StoreError: repeat it.
    """
    hears = {key: meta.hears[key] for key in keys if key in meta.hears}
    stream = commit.stream if hears else 0
    new = [key for key in keys if key not in hears]
    if new:
        end = await store.stream_end()
        stream = stream or end
        hears |= dict.fromkeys(new, end)
    if hears == meta.hears and stream == commit.stream:
        return commit, hears
    return replace(commit, meta=replace(meta, hears=hears).dump(), stream=stream), hears
