"""Messages of ``page.pubsub`` as bytes (layer 3: may import Flet).

Every session that hears a message gets a copy of its own, so it is plain data: what :mod:`pickle` writes,
with classes and functions by their names. What cannot travel is an error where it is sent.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any, Final

from flet.controls.base_control import BaseControl
from flet.messaging.connection import Connection
from flet.messaging.session import Session

from flet_cluster.errors import MessageRefused, NotPortable
from flet_cluster.snapshot import report

if TYPE_CHECKING:
    from flet_cluster.protocol.limits import Limits

PROTOCOL: Final = 5
_BOUND = (BaseControl, Session, Connection)


def pack(topic: object, message: object, limits: Limits) -> bytes:
    """Return a message as bytes; callable from any thread.

    Args:
        topic: None for a message to all.
        message: what the app sends.
        limits: say how big it may be.

    Raises:
        MessageRefused: it cannot travel, or is too big; names what is wrong, and what to do.
    """
    stream = io.BytesIO()
    try:
        _Pickler(stream, PROTOCOL).dump((topic, message))
    except Exception as error:
        raise _refusal(message, error) from error
    if stream.tell() > limits.max_message:
        raise MessageRefused(
            f"page.pubsub cannot send this {type(message).__name__}: it takes {stream.tell()} bytes, "
            f"and messages have at most {limits.max_message}; send where the data is instead"
        )
    return stream.getvalue()


def unpack(data: bytes) -> tuple[Any, Any]:
    """Return (topic, message). Verify the seal first: this runs what the bytes say (I5).

    Raises:
        Exception: any; the app's code here is not that of the sender.
    """
    topic, message = pickle.loads(data)  # noqa: S301 - verified by the caller (I5)
    return topic, message


class _Pickler(pickle.Pickler):
    """Refuses what belongs to one session."""

    def reducer_override(self, obj: Any) -> Any:
        return _reduce(obj)


def _reduce(obj: Any) -> Any:
    if isinstance(obj, _BOUND):
        reason = f"a {type(obj).__name__} belongs to the page of one user; send plain data instead"
        raise NotPortable("", reason)
    return NotImplemented


def _refusal(message: object, error: Exception) -> MessageRefused:
    """Find what it is in the message that cannot travel."""
    found = report.find([("message", message)], _reduce, lambda _: False, error)
    where, reason = found.path, found.reason
    if where == "page":  # the walk has found nothing
        where, reason = type(message).__name__, f"{type(error).__name__}: {error}"
    return MessageRefused(f"page.pubsub cannot send this {type(message).__name__}: {where}: {reason}")
