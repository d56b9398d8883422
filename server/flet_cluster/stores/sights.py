"""What Redis tells of sessions and nodes without a key (layer 2).

Sessions are found through the index of deadlines, which has every one of them: no KEYS, and no SCAN over what
else the server holds.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from flet_cluster.facts import NOTE_LENGTH, LifeEvent, Sample, Sketch, SketchPage, Story
from flet_cluster.model import MainState
from flet_cluster.stores import scripts
from flet_cluster.stores.base import HISTORY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flet_cluster.facts import Note
    from flet_cluster.model import NodeInfo
    from flet_cluster.stores.batch import Batcher
    from flet_cluster.stores.keys import Keys
    from flet_cluster.stores.wire import Value

_LAST = 2**64 - 1
"""The last number that an entry of a stream can have within its millisecond."""
_LITERALLY = str.maketrans({sign: f"\\{sign}" for sign in "\\*?[]"})
"""What a pattern of Redis must say for what has a meaning there."""
_NEWLINES = str.maketrans("\r\n", "  ")


class Sights:
    """What :class:`flet_cluster.stores.base.SessionStore` tells of sessions and of the nodes' past."""

    def __init__(self, batcher: Batcher, keys: Keys) -> None:
        self._batcher = batcher
        self._keys = keys

    async def sketches(self, cursor: str, limit: int, prefix: str) -> SketchPage:
        """Read on in the list of sessions. A cursor is a shard of the index and where it is in that."""
        shard, at = (int(part) for part in (cursor or "0.0").split("."))
        found: dict[str, None] = {}
        wanted = ("MATCH", f"{prefix.translate(_LITERALLY)}*") if prefix else ()
        while shard < len(self._keys.deadlines) and len(found) < limit:
            index, count = self._keys.deadlines[shard], max(1, limit - len(found))
            reply = await self._batcher.command("ZSCAN", index, at, *wanted, "COUNT", count)
            found.update((member.decode(), None) for member in reply[1][::2])
            at = int(reply[0])
            shard += at == 0
        replies = await asyncio.gather(*(self._sketch(session_id, life=False) for session_id in found))
        sketches = [_sketch(id_, r) for id_, r in zip(found, replies, strict=True) if r[0] == b"found"]
        now = max((int(reply[1]) / 1000 for reply in replies if len(reply) > 1), default=time.time())
        more = shard < len(self._keys.deadlines)
        return SketchPage(tuple(sketches), f"{shard}.{at}" if more else "", now)

    async def story(self, session_id: str) -> Story | None:
        """Read one session."""
        reply = await self._sketch(session_id, life=True)
        if reply[0] == b"missing":
            return None
        sketch = _sketch(session_id, reply) if reply[0] == b"found" else None
        return Story(sketch, tuple(_life(reply[2].decode())), int(reply[1]) / 1000)

    async def _sketch(self, session_id: str, *, life: bool) -> list[Any]:
        keys = (*self._keys.session(session_id), self._keys.life(session_id))
        return await self._batcher.script(scripts.SKETCH, keys, [int(life)])

    async def sample(self, info: NodeInfo) -> None:
        """Put a node's figures into the history, and drop what is too old."""
        oldest = int((time.time() - HISTORY_SECONDS) * 1000)
        text = json.dumps(info.extra.get("figures", {}))
        fields = ("node", info.node_id, "figures", text)
        history = self._keys.history
        await asyncio.gather(
            self._batcher.command("XADD", history, "MINID", "~", oldest, "*", *fields),
            self._batcher.command("PEXPIRE", history, int(HISTORY_SECONDS * 1000)),
        )

    async def history(self, since: float, limit: int) -> list[Sample]:
        """Read the end of the history."""
        start = f"({round(since * 1000)}-{_LAST}" if since > 0 else "-"
        found = await self._batcher.command("XREVRANGE", self._keys.history, "+", start, "COUNT", limit)
        return [_sample(key, fields) for key, fields in reversed(found)]


def written(notes: Iterable[Note]) -> list[Value]:
    """Return notes as the scripts take them."""
    words: list[Value] = []
    for note in notes:
        detail = note.detail.translate(_NEWLINES)[:NOTE_LENGTH]
        words += [int(note.ago * 1000), f"{note.kind} {note.node or '-'} {detail}"]
    return words


def _life(text: str) -> Iterable[LifeEvent]:
    for line in filter(None, text.split("\n")):
        at, kind, node, detail, *_ = [*line.split(" ", 3), "", ""]
        yield LifeEvent(int(at) / 1000, kind, "" if node == "-" else node, detail)


def _sketch(session_id: str, reply: Sequence[Any]) -> Sketch:
    epoch, owner, created, seen, deadline, timeout, n, instance, rx, tx, main, meta, *sizes = reply[3:]
    snapshot, tail, mail = sizes
    return Sketch(
        session_id,
        owner.decode(),
        int(epoch),
        created=int(created or 0) / 1000,
        seen=int(seen or 0) / 1000,
        written=(int(deadline) - int(timeout or 0)) / 1000,
        deadline=int(deadline) / 1000,
        commits=int(n),
        instance=instance.decode(),
        rx=int(rx),
        tx=int(tx),
        main=MainState(main.decode()),
        meta=meta.decode(),
        snapshot=snapshot,
        tail=tail,
        mail=bool(mail),
    )


def _sample(key: bytes, fields: Sequence[bytes]) -> Sample:
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    milliseconds, _, _ = key.partition(b"-")
    return Sample(int(milliseconds) / 1000, values[b"node"].decode(), json.loads(values[b"figures"]))
