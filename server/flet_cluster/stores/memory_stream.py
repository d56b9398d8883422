"""The app's stream of published messages in this process's memory (layer 2): decides like the scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flet_cluster.model import Posted, StreamPage
from flet_cluster.stores.base import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flet_cluster.model import Post


@dataclass(slots=True)
class MemoryStream:
    """See the ``stream_`` methods of :class:`flet_cluster.stores.base.SessionStore`.

    Attributes:
        log: the messages, in order.
        last: number of the end; 0 before it has begun.
        published: by session: the last commit whose messages are in, and until when that is remembered.
        gone_at: when the last message will be too old, seconds.
    """

    log: list[Posted] = field(default_factory=list)
    last: int = 0
    published: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)
    gone_at: float = 0.0

    def append(  # noqa: PLR0913 - the contract's, and the time
        self, posts: Sequence[Post], now: float, *, age: float, length: int, size: int, memory: float
    ) -> int:
        """Put messages at the end; returns its number."""
        micros, session_id = int(now * 1e6), posts[0].origin.session_id
        self._forget(now)
        self.end(0, now)
        done, _ = self.published.get(session_id, ((0, 0), 0.0))
        for post in posts:
            if (post.origin.epoch, post.origin.n) > done:
                before, self.last = self.last, max(micros, self.last + 1)
                self.log.append(Posted(self.last, before, post.origin, post.payload))
        final = (posts[-1].origin.epoch, posts[-1].origin.n)
        self.published[session_id] = (max(done, final), now + memory)
        oldest = micros - int(age * 1e6)
        self.log = [posted for posted in self.log if posted.n >= oldest][-length:]
        left = sum(len(posted.payload) for posted in self.log)
        while left > size and len(self.log) > 1:
            left -= len(self.log.pop(0).payload)
        self.gone_at = now + age
        return self.last

    def read(self, after: int, limit: int, now: float) -> StreamPage:
        """Read on."""
        self._forget(now)
        self.end(0, now)
        page: list[Posted] = []
        size = 0
        for posted in self.log:
            if posted.n > after and len(page) < limit and size < PAGE_BYTES:
                page.append(posted)
                size += len(posted.payload)
        return StreamPage(tuple(page), self.last)

    def end(self, known: int, now: float) -> int:
        """Return the number of the end."""
        if not self.last or self.last < known:
            self.last = max(int(now * 1e6), known + 1)
        return self.last

    def _forget(self, now: float) -> None:
        if self.gone_at <= now:
            self.log = []
        self.published = {name: entry for name, entry in self.published.items() if entry[1] > now}
