"""The index of deadlines in Redis (layer 2).

Sorted sets, sharded, in other slots than the records: no script can write both. So the index is a *lower
bound*: an entry is written before its record, follows at once when a deadline moves forward in time (rare),
and is corrected only when it comes up. The record's own ``deadline`` decides.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from flet_cluster.stores import scripts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flet_cluster.stores.batch import Batcher
    from flet_cluster.stores.keys import Keys


class Deadlines:
    """When which session is due."""

    def __init__(self, batcher: Batcher, keys: Keys) -> None:
        self._batcher = batcher
        self._keys = keys

    async def lower(self, session_id: str, timeout: float) -> None:  # noqa: ASYNC109 - the session's timeout
        """Make sure the session comes up in ``timeout`` seconds or earlier."""
        index = self._keys.deadline_index(session_id)
        await self._batcher.script(scripts.LOWER, [index], [session_id, int(timeout * 1000)])

    async def restore(self, due: Mapping[str, int]) -> None:
        """Add the entries that are absent: a part of the index may have been lost."""
        shards: dict[str, list[str | int]] = defaultdict(list)
        for session_id, deadline in due.items():
            shards[self._keys.deadline_index(session_id)] += [deadline, session_id]
        adding = (self._batcher.command("ZADD", key, "NX", *pairs) for key, pairs in shards.items())
        await asyncio.gather(*adding)

    async def remove(self, session_id: str) -> None:
        """Forget a session that was deleted."""
        await self._batcher.command("ZREM", self._keys.deadline_index(session_id), session_id)

    async def due(self, limit: int) -> list[str]:
        """List sessions whose record says that the deadline has passed, the longest overdue first."""
        shards = await asyncio.gather(*(self._due_in(key, limit) for key in self._keys.deadlines))
        late = sorted(entry for shard in shards for entry in shard)
        return [session_id for _, session_id in late[:limit]]

    async def _due_in(self, index: str, limit: int) -> list[tuple[int, str]]:
        now, *entries = await self._batcher.script(scripts.DUE, [index], [limit])
        seen = {entries[i].decode(): entries[i + 1] for i in range(0, len(entries), 2)}
        deadlines = await asyncio.gather(*(self._deadline(session_id) for session_id in seen))
        due: list[tuple[int, str]] = []
        corrections: list[str | bytes | int] = []
        for (session_id, score), deadline in zip(seen.items(), deadlines, strict=True):
            if deadline is not None and deadline <= int(now):
                due.append((deadline, session_id))
            else:
                corrections += [session_id, score, "" if deadline is None else deadline]
        if corrections:
            await self._batcher.script(scripts.REINDEX, [index], corrections)
        return due

    async def _deadline(self, session_id: str) -> int | None:
        record, _ = self._keys.session(session_id)
        value = await self._batcher.command("HGET", record, "deadline")
        return None if value is None else int(value)
