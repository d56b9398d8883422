"""Puts what a session's commits publish into the app's stream, once they are in the store (layer 3).

At least once: until a later commit says that it is in, it stays in the record, and whoever takes the session
over does it again. The stream adds the messages of a commit only once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from flet_cluster.errors import StoreError
from flet_cluster.model import Origin, Post
from flet_cluster.node.groups import Group, dump_publication

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flet_cluster.host.pubsub import Publication
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")

RETRY_SECONDS = 0.25
"""Pause between attempts while the store is away; the store's client has its own backoff below that."""


class Publisher:
    """The way out of one seat's messages. It goes on when the seat is lost: what was committed is published.

    Attributes:
        groups: what is not known to be in the stream, in order.
    """

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._node = seat.node
        self._stored = 0
        self._job: asyncio.Task[None] | None = None
        self.groups: list[Group] = []

    @property
    def busy(self) -> bool:
        """Whether something is committed and not published."""
        return bool(self.groups) and self.groups[0].n <= self._stored

    def adopt(self, groups: list[Group], n: int) -> None:
        """Publish what a record's commit ``n`` says, perhaps once more."""
        self.groups = groups
        self.stored(n)

    def add(self, n: int, publications: Iterable[Publication]) -> None:
        """Commit ``n``, which is about to be written, publishes these."""
        lease = self._seat.lease
        group = Group(lease.epoch if lease else 1, n, tuple(publications))
        if group.publications:
            self.groups.append(group)

    def stored(self, n: int) -> None:
        """Commits up to ``n`` are in the store: their messages go out."""
        self._stored = n
        if self.busy and self._job is None:
            self._job = self._node.spawn(self._run())

    async def _run(self) -> None:
        try:
            while self.busy:
                due = [group for group in self.groups if group.n <= self._stored]
                await self._append([post for group in due for post in self._posts(group)])
                del self.groups[: len(due)]
                if self._seat.live is not None:
                    self._seat.live.output.unpublished -= sum(group.size for group in due)
                self._node.host.faults.hit("appended", self._seat.id)
        finally:
            self._job = None
        self._seat.committer.published()

    async def _append(self, posts: list[Post]) -> None:
        """Try until the stream has them."""
        warned = False
        while True:
            try:
                await self._node.publications.append(posts)
            except Exception as error:  # whatever it was, the session must not wait for it for ever
                if not warned:
                    warned = True
                    logger.warning(
                        "session %s: %d messages wait to be published: %s",
                        self._seat.id,
                        len(posts),
                        error,
                        exc_info=not isinstance(error, StoreError),
                    )
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    def _posts(self, group: Group) -> list[Post]:
        posts = []
        for index, publication in enumerate(group.publications):
            origin = Origin(self._seat.id, group.epoch, group.n, index)
            posts.append(Post(origin, self._node.vault.seal_post(origin, dump_publication(publication))))
        return posts
