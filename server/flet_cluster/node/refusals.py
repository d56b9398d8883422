"""Which close code an error becomes (layer 3)."""

from __future__ import annotations

from flet_cluster.errors import (
    ClusterError,
    SealBroken,
    SessionBusy,
    SessionDeleted,
    SessionExpired,
    SessionMissing,
    SnapshotError,
    SnapshotOutdated,
    StoreRecovering,
    StoreUnavailable,
    TokenRefused,
)
from flet_cluster.protocol.close import CloseCode

_TABLE: list[tuple[type[ClusterError], CloseCode]] = [
    (SessionExpired, CloseCode.EXPIRED),
    (SessionDeleted, CloseCode.DELETED),
    (SessionMissing, CloseCode.MISSING),
    (SessionBusy, CloseCode.BUSY),
    (StoreRecovering, CloseCode.STORE_RECOVERING),
    (StoreUnavailable, CloseCode.STORE_UNAVAILABLE),
    (SealBroken, CloseCode.SEAL),
    (SnapshotOutdated, CloseCode.OUTDATED),
    (SnapshotError, CloseCode.LOST),
    (TokenRefused, CloseCode.MISSING),
]


def code_for(error: Exception) -> CloseCode:
    """Return the close code for what went wrong while a session was sought.

    A token that is refused is answered like a session that does not exist: the browser gets a fresh one, and
    nobody learns which ids there are.
    """
    return next((code for kind, code in _TABLE if isinstance(error, kind)), CloseCode.STORE_UNAVAILABLE)
