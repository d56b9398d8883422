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
    (TokenRefused, CloseCode.REFUSED),
]


def code_for(error: Exception) -> CloseCode:
    """Return the close code for what went wrong while a session was sought.

    All tokens that are refused are answered alike, whether or not there is such a session: nobody learns
    which ids there are. The browser gets a fresh session, and its user reads what may be the reason.
    """
    return next((code for kind, code in _TABLE if isinstance(error, kind)), CloseCode.STORE_UNAVAILABLE)
