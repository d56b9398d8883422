"""What to say when a handler failed for a reason that a setting removes (layer 3; imports no Flet)."""

from __future__ import annotations

_BOUND = (
    "can only be used in that same thread",  # sqlite3
    "signal only works in main thread",
    "main thread is not in main loop",  # tkinter
    "Cannot switch to a different thread",  # greenlet, and what is built on it
)
"""What libraries say when one of their objects is used in another thread than the one that made it."""


def thread_bound(message: str) -> str:
    """Return what to do about an error, given its message, if it comes of the handlers' threads; else ""."""
    if not any(said in message for said in _BOUND):
        return ""
    return (
        "an object of the app is bound to the thread that made it, and sync handlers run in worker threads. "
        "Make the object where it is used (or, for sqlite3, with check_same_thread=False and a lock); or set "
        "FLET_CLUSTER_SYNC_HANDLERS=loop, and a handler that blocks holds all users of the node"
    )
