"""The app's stream of published messages in Redis (layer 2).

One Redis stream, and a key that says how far it has come. Numbers follow the server's clock in microseconds,
so that they go up also after the data was lost. Each message says after which number it came: whoever reads
finds out by that alone whether something was trimmed or lost in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flet_cluster.model import Origin, Posted, StreamPage
from flet_cluster.stores import scripts
from flet_cluster.stores.base import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flet_cluster.model import Post
    from flet_cluster.stores.batch import Batcher
    from flet_cluster.stores.keys import Keys
    from flet_cluster.stores.wire import Value


class AppStream:
    """See the ``stream_`` methods of :class:`flet_cluster.stores.base.SessionStore`."""

    def __init__(self, batcher: Batcher, keys: Keys) -> None:
        self._batcher = batcher
        self._keys = keys

    async def append(
        self, posts: Sequence[Post], *, age: float, length: int, size: int, memory: float
    ) -> int:
        """Put messages at the end; returns its number."""
        session_id = posts[0].origin.session_id
        args: list[Value] = [int(age * 1000), length, int(memory * 1000), size, session_id]
        for post in posts:
            args += [post.origin.epoch, post.origin.n, post.origin.index, post.payload]
        (last,) = await self._batcher.script(scripts.APPEND, self._keys.stream(session_id), args)
        return int(last)

    async def read(self, after: int, limit: int) -> StreamPage:
        """Read on."""
        end, log, _ = self._keys.stream("")
        last, *found = await self._batcher.script(scripts.READ, [end, log], [after, limit, PAGE_BYTES])
        return StreamPage(tuple(_posted(*entry) for entry in found), int(last))

    async def end(self, known: int) -> int:
        """Return the number of the end."""
        (last,) = await self._batcher.script(scripts.END, self._keys.stream("")[:1], [known])
        return int(last)


def _posted(n: bytes, before: bytes, origin: bytes, payload: Any) -> Posted:
    session_id, epoch, number, index = origin.decode().split(" ")
    return Posted(int(n), int(before), Origin(session_id, int(epoch), int(number), int(index)), payload)
