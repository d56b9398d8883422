"""The tail of output that the browser may still need (layer 1: standard library, msgpack and layer 0 only).

The durable half of the outbound side: it lives with the session and travels in each commit, so that any node
can go on where the last one stopped. It is bounded; what falls off the end is remembered as lost, and a
browser that needs it is sent the whole page.
"""

from __future__ import annotations

import msgpack

from flet_cluster.errors import ProtocolError, SnapshotError
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import MAX_SEQ
from flet_cluster.protocol.limits import Limits

_FORMAT = 1


class Outbox:
    """Numbers output frames from 1 and keeps them until the browser has them.

    The kept frames are always the numbers ``base + 1 .. tx``.

    Args:
        limits: ``max_tail_frames`` and ``max_tail_bytes`` are used.
    """

    __slots__ = ("_bytes", "_frames", "_limits", "_lost", "_tx")

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._frames: list[bytes] = []  # short, and an empty deque takes 600 bytes
        self._bytes = 0
        self._tx = 0
        self._lost = 0

    @property
    def tx(self) -> int:
        """Number of the last frame; 0 when there was none."""
        return self._tx

    @property
    def base(self) -> int:
        """Number before the oldest kept frame."""
        return self._tx - len(self._frames)

    @property
    def trimmed(self) -> bool:
        """Whether a frame was dropped that the browser has not acknowledged since."""
        return self._lost > 0

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._frames)

    def append(self, payload: bytes) -> int:
        """Give a frame its number and keep it; drop the oldest ones when there are too many.

        Out: the frame's number.

        Raises:
            OverflowError: 2**32 frames in one page load; the page has to be reloaded.
        """
        if self._tx >= MAX_SEQ:
            raise OverflowError("the outbox has used all frame numbers; start a new page instance")
        self._tx += 1
        self._frames.append(payload)
        self._bytes += len(payload)
        while len(self._frames) > self._limits.max_tail_frames or self._bytes > self._limits.max_tail_bytes:
            self._drop()
            self._lost = self.base
        return self._tx

    def acknowledge(self, upto: int) -> None:
        """Forget what the browser has, up to ``upto``. Repeats and older numbers change nothing.

        Raises:
            ProtocolError: ``upto`` was never sent (PROTOCOL).
        """
        if upto > self._tx:
            raise ProtocolError(CloseCode.PROTOCOL, f"frame {upto} acknowledged, {self._tx} sent")
        while self.base < upto:
            self._drop()
        if upto >= self._lost:
            self._lost = 0

    def replay(self, after: int, upto: int | None = None) -> list[tuple[int, bytes]] | None:
        """List the frames that a browser misses which has everything up to ``after``.

        In: ``upto`` bounds it to what is committed, when the outbox already holds more (I1).

        Out: numbered frames in order; None when some of them are gone and the page has to be sent whole.

        Raises:
            ProtocolError: the browser has more than was ever sent: the state was rolled back (ROLLBACK).
        """
        last = self._tx if upto is None else min(upto, self._tx)
        if after > last:
            raise ProtocolError(CloseCode.ROLLBACK, f"the browser has {after}, the record ends at {last}")
        base = self.base
        if after < base:
            return None
        kept = list(self._frames)
        return [(seq, kept[seq - base - 1]) for seq in range(after + 1, last + 1)]

    def restart(self, after: int = 0) -> None:
        """Forget all frames but not their numbers: what follows is the whole page, which replaces them.

        In: ``after``: what the browser has, if that may be more than this outbox knows of (only with a commit
        interval, where output may be ahead of the state).
        """
        self._tx = max(self._tx, after)
        self._frames.clear()
        self._bytes = 0
        self._lost = 0

    def dump(self) -> bytes:
        """Write the outbox as bytes for a commit."""
        packed: bytes = msgpack.packb((_FORMAT, self._tx, self._lost, tuple(self._frames)))
        return packed

    @classmethod
    def load(cls, data: bytes, limits: Limits | None = None) -> Outbox:
        """Read what :meth:`dump` wrote; ``b""`` gives an empty outbox.

        Raises:
            SnapshotError: the bytes are not an outbox of this version.
        """
        box = cls(limits)
        if not data:
            return box
        try:
            version, tx, lost, frames = msgpack.unpackb(data, use_list=False)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise SnapshotError(f"the record's tail is not an outbox: {error}") from error
        if version != _FORMAT:
            raise SnapshotError(f"the record's tail has format {version}, this node reads {_FORMAT}")
        box._tx, box._lost, box._frames = tx, lost, list(frames)
        box._bytes = sum(map(len, box._frames))
        return box

    def _drop(self) -> None:
        self._bytes -= len(self._frames.pop(0))
