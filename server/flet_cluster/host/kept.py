"""What of a session outlives a change of the app's code (layer 3: may import Flet).

A snapshot is one graph: when one function in it has changed, none of it can be rebuilt. So the content of
``page.session.store`` and the sign-in travel a second time, each value for itself, in front of the graph and
under the same seal. Values that are plain data are written as such; others are small snapshots, which carry
the fingerprints of the classes they are of.
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgpack

from flet_cluster.errors import ClusterError, NotPortable, SnapshotError
from flet_cluster.host import internals
from flet_cluster.host.portable import next_control_id, raise_control_id
from flet_cluster.snapshot import capture, restore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flet_cluster.host.environment import HostEnvironment
    from flet_cluster.host.live import LiveSession
    from flet_cluster.host.session import HostSession

logger = logging.getLogger("flet_cluster.host")

MAGIC: Final = b"fck1"
_HEAD: Final = len(MAGIC) + 4
_PLAIN, _SNAPSHOT, _LEFT = 0, 1, 2
"""How a value was written; the last: it cannot travel."""
MAX_VALUE: Final = 1 << 20
"""Bytes of one value: it travels twice, in the graph as well."""
AUTH: Final = "sign-in"
"""What the sign-in is called among the things that were left behind."""

Written = tuple[int, bytes]


def wrap(kept: bytes, graph: bytes) -> bytes:
    """Put what is kept in front of a snapshot."""
    return b"".join((MAGIC, struct.pack("<I", len(kept)), kept, graph))


def split(data: bytes) -> tuple[bytes, bytes]:
    """Return (kept, snapshot); kept is empty for what an earlier release wrote."""
    if not data.startswith(MAGIC):
        return b"", data
    (size,) = struct.unpack_from("<I", data, len(MAGIC))
    return data[_HEAD : _HEAD + size], data[_HEAD + size :]


class Keeper:
    """Writes what is to be kept of one session, at each snapshot."""

    def __init__(self) -> None:
        self._refused: dict[str, Any] = {}

    def write(self, session: HostSession, host: HostEnvironment, externals: Mapping[str, object]) -> bytes:
        """Return it as bytes.

        Raises:
            GraphChanged: another thread changed it meanwhile.
        """
        store = session.store
        values = [
            (key, self._value(key, store.get(key), host, externals))
            for key in store.get_keys()
            if isinstance(key, str)
        ]
        auth = session.page.auth
        written = (_LEFT, b"") if auth is None else self._value(AUTH, auth, host, externals)
        facts = (next_control_id(), session.page.route or "", values, auth is not None, written)
        packed: bytes = msgpack.packb(facts)
        return packed

    def _value(self, key: str, value: Any, host: HostEnvironment, externals: Mapping[str, object]) -> Written:
        """Write one value, plainly if that is possible: it costs least and outlives most."""
        if key in self._refused and self._refused[key] is value:
            return _LEFT, b""  # to find out why takes long, and was done before
        kind, written, why = _PLAIN, b"", ""
        try:
            written = msgpack.packb(value, strict_types=True)
        except (TypeError, ValueError, OverflowError):
            try:
                kind, written = _SNAPSHOT, capture(value, host.code, host.portables, externals)
            except NotPortable as error:
                why = str(error)
        if len(written) > MAX_VALUE:
            why = f"it has {len(written)} bytes, and up to {MAX_VALUE} are kept"
        if not why:
            return kind, written
        self._refused[key] = value
        logger.debug("page.session.store[%r] would not outlive a change of the code: %s", key, why)
        return _LEFT, b""


@dataclass(slots=True)
class Kept:
    """What could be read of it under the present code.

    Attributes:
        store: content of ``page.session.store``.
        dropped: keys of values that could not be rebuilt; ``"sign-in"`` for that.
    """

    control_id: int = 0
    route: str = ""
    store: dict[str, Any] = field(default_factory=dict)
    auth: Any = None
    dropped: list[str] = field(default_factory=list)

    @classmethod
    def read(
        cls, data: bytes, session_id: str, host: HostEnvironment, externals: Mapping[str, object]
    ) -> Kept:
        """Rebuild what was kept; what the present code has no place for is dropped and named in the log.

        Raises:
            SnapshotError: the data is damaged.
        """
        if not data:
            return cls()
        try:
            control_id, route, values, signed_in, written = msgpack.unpackb(data)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise SnapshotError(f"what was kept of the session cannot be read: {error}") from error
        kept = cls(control_id, route)
        items = [*values, *([(AUTH, written)] if signed_in else [])]
        for key, (kind, blob) in items:
            try:
                value = _read(kind, blob, host, externals)
            except ClusterError as error:
                kept.dropped.append(key)
                place = "the sign-in" if key is AUTH else f"page.session.store[{key!r}]"
                logger.warning("session %s: %s is dropped with the old code: %s", session_id, place, error)
            else:
                kept._take(key, value)
        return kept

    def _take(self, key: str, value: Any) -> None:
        if key is AUTH:
            self.auth = value
        else:
            self.store[key] = value

    def give(self, live: LiveSession) -> None:
        """Put it into a session that begins anew."""
        raise_control_id(self.control_id)  # a late click on the old page must meet no new control
        session, page = live.session, live.page
        for key, value in self.store.items():
            session.store.set(key, value)
        if self.auth is not None:
            setattr(page, internals.PAGE_AUTHORIZATION, self.auth)
        if self.route:
            page.route = self.route


def _read(kind: int, blob: bytes, host: HostEnvironment, externals: Mapping[str, object]) -> Any:
    if kind == _PLAIN:
        return msgpack.unpackb(blob, strict_map_key=False)
    if kind == _SNAPSHOT:
        return restore(blob, host.code, host.portables, externals)
    raise SnapshotError(
        "it could not travel by itself: it refers to the page or to what cannot travel, or is too big"
    )
