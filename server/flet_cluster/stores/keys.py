"""Names of keys in Redis (layer 2: imports the standard library only)."""

from __future__ import annotations

import re
import zlib
from typing import Final

DEADLINE_SHARDS: Final = 16
"""Sorted sets the deadlines are spread over, so that no single slot of a cluster carries them all."""

INCARNATION_SHARDS: Final = 32
"""Incarnation keys in a cluster: so many that each of a few primaries holds some, and its loss shows."""


def app_prefix(app: str) -> str:
    """Return the prefix of an app's keys and channels; braces would move the hash tag, so they go."""
    return f"fc:{re.sub(r'[^A-Za-z0-9_.-]', '_', app)}"


class Keys:
    """Where things are for one app.

    Args:
        app: name of the app; apps of different names share a Redis without seeing each other.
        cluster: whether the keys are spread over several servers.
    """

    def __init__(self, app: str, *, cluster: bool) -> None:
        prefix = app_prefix(app)
        self._prefix = prefix
        self.nodes = f"{prefix}:nodes"
        self.history = f"{prefix}:history"
        self.recovering = f"{prefix}:recovering"
        self.deadlines = [f"{prefix}:deadlines:{shard}" for shard in range(DEADLINE_SHARDS)]
        self.incarnations = [f"{prefix}:incarnation"]
        if cluster:
            self.incarnations = [f"{prefix}:incarnation:{shard}" for shard in range(INCARNATION_SHARDS)]

    def session(self, session_id: str) -> tuple[str, str]:
        """Return record and tombstone of a session; the hash tag puts both into one slot.

        Raises:
            ValueError: the id has a brace.
        """
        if "{" in session_id or "}" in session_id:
            raise ValueError(f"session id {session_id!r} contains a brace: it would leave its hash slot")
        stem = f"{self._prefix}:{{{session_id}}}"
        return f"{stem}:s", f"{stem}:x"

    def inbox(self, session_id: str) -> str:
        """Return where what waits for a session is; in the slot of its record."""
        return self.session(session_id)[0].removesuffix("s") + "inbox"

    def life(self, session_id: str) -> str:
        """Return where the life of a session that has ended is; in the slot of its record."""
        return self.session(session_id)[0].removesuffix("s") + "life"

    def stream(self, session_id: str) -> tuple[str, str, str]:
        """Where the app's stream is: its end, its messages, and what a session has published; in one slot."""
        stem = f"{self._prefix}:{{{self._prefix}:topic}}"
        return f"{stem}:end", f"{stem}:log", f"{stem}:by:{session_id}"

    def kept(self, name: str) -> str:
        """Return where a value is that is kept for some time."""
        return f"{self._prefix}:{name}"

    def deadline_index(self, session_id: str) -> str:
        """Return the sorted set that holds a session's deadline."""
        return self.deadlines[zlib.crc32(session_id.encode()) % DEADLINE_SHARDS]

    def node(self, node_id: str) -> str:
        """Return the heartbeat key of a node."""
        return f"{self._prefix}:node:{node_id}"
