"""Seals a session's commits and opens its records (layer 3; imports no Flet).

Each field is bound to the app, the session, the commit number and its own name (I5): not to node or epoch, or
no failover would verify.
"""

from __future__ import annotations

import functools
import json
from dataclasses import astuple, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgpack

from flet_cluster.errors import SealBroken
from flet_cluster.events import NullObserver
from flet_cluster.host.inputs import Started
from flet_cluster.model import Commit, MainState
from flet_cluster.node.groups import dump_groups, load_groups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flet_cluster.events import Observer
    from flet_cluster.model import Origin
    from flet_cluster.node.groups import Group
    from flet_cluster.snapshot import KeyRing

PURPOSE = "session"
TRACE = "trace"
"""The fact that says where the trace of a record's commit goes on."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Plain facts about a session that need no key to read.

    Attributes:
        version: fingerprint of the app's code.
        obstacle: why the session cannot travel; "" when it can.
        background: how many recorded calls run.
        hears: which pub/sub messages it hears (see :func:`flet_cluster.host.pubsub.key_of`), and after which
            number of the app's stream.
        due: how many calls of handlers wait in its state for their turn.
        away: whether the app was told that its user has left, and not yet that the user is back.
    """

    version: str = ""
    obstacle: str = ""
    background: int = 0
    hears: dict[str, int] = field(default_factory=dict)
    due: int = 0
    away: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def subscribed(self) -> bool:
        """Whether the session hears any pub/sub message."""
        return bool(self.hears)

    def dump(self) -> str:
        """Return it as JSON, without what is empty."""
        if not self.hears and not self.extra:
            return _dump_few(self.version, self.obstacle, self.background, self.due, self.away)
        facts = {
            "version": self.version,
            "obstacle": self.obstacle,
            "background": self.background,
            "hears": self.hears,
            "due": self.due,
            "away": self.away,
            **self.extra,
        }
        return _json(facts)

    @classmethod
    def load(cls, text: str) -> Meta:
        """Read what :meth:`dump` wrote; unknown facts are kept in ``extra``."""
        facts: dict[str, Any] = json.loads(text or "{}")
        return cls(
            facts.pop("version", ""),
            facts.pop("obstacle", ""),
            facts.pop("background", 0),
            facts.pop("hears", {}),
            facts.pop("due", 0),
            facts.pop("away", False),
            facts,
        )


def trace_in(text: str) -> str:
    """Return the header of the span that wrote a record with these facts; "" if it was not traced."""
    trace = Meta.load(text).extra.get(TRACE, "")
    return trace if isinstance(trace, str) else ""


def _json(facts: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in facts.items() if value}, separators=(",", ":"))


@functools.lru_cache(maxsize=256)
def _dump_few(version: str, obstacle: str, background: int, due: int, away: bool) -> str:
    """Return the facts of most commits, which are those of the commit before."""
    return _json(
        {"version": version, "obstacle": obstacle, "background": background, "due": due, "away": away}
    )


class Vault:
    """Builds sealed commits, and opens what is in a record.

    Args:
        keys: seal and open.
        app_name: bound into each seal: what is another app's does not verify.
        observer: hears of what does not verify.
    """

    def __init__(self, keys: KeyRing, app_name: str, observer: Observer | None = None) -> None:
        self._keys = keys
        self._app = app_name
        self._observer = observer or NullObserver()

    def commit(  # noqa: PLR0913 - the fields of a commit, by name
        self,
        session_id: str,
        n: int,
        *,
        instance: str,
        rx: int,
        tx: int,
        main: MainState,
        graph: bytes,
        tail: bytes,
        running: Iterable[Started],
        meta: Meta,
        inbox: int = 0,
        stream: int = 0,
        outbox: Iterable[Group] = (),
    ) -> Commit:
        """Return the sealed commit ``n`` of a session."""
        inflight = [(entry.seq, entry.key, entry.what) for entry in running]
        return Commit(
            n=n,
            instance=instance,
            rx=rx,
            tx=tx,
            main=main,
            image=self._seal(graph, session_id, n, "image"),
            tail=self._seal(tail, session_id, n, "tail"),
            inflight=self._seal(msgpack.packb(inflight) if inflight else b"", session_id, n, "inflight"),
            meta=meta.dump(),
            inbox=inbox,
            stream=stream,
            outbox=self._seal(dump_groups(outbox), session_id, n, "outbox"),
        )

    def again(self, session_id: str, commit: Commit, *, stream: int, outbox: Iterable[Group]) -> Commit:
        """Return the commit that follows ``commit`` with the same state. Raises SealBroken.

        Args:
            session_id: whose.
            commit: the last one.
            stream: how far its messages have come now.
            outbox: what is still to be published.
        """
        n = commit.n + 1

        def seal(name: str, payload: bytes) -> bytes:
            return self._seal(payload, session_id, n, name)

        return replace(
            commit,
            n=n,
            stream=stream,
            image=seal("image", self.graph(session_id, commit)),
            tail=seal("tail", self.tail(session_id, commit)),
            inflight=seal("inflight", self._open(commit.inflight, session_id, commit.n, "inflight")),
            outbox=seal("outbox", dump_groups(outbox)),
        )

    def outbox(self, session_id: str, commit: Commit) -> list[Group]:
        """Open what was to be published. Raises SealBroken."""
        return load_groups(self._open(commit.outbox, session_id, commit.n, "outbox"))

    def graph(self, session_id: str, commit: Commit) -> bytes:
        """Open the snapshot; b"" when the session could not travel. Raises SealBroken."""
        return self._open(commit.image, session_id, commit.n, "image")

    def tail(self, session_id: str, commit: Commit) -> bytes:
        """Open the outbox. Raises SealBroken."""
        return self._open(commit.tail, session_id, commit.n, "tail")

    def running(self, session_id: str, commit: Commit) -> list[Started]:
        """Open the list of what had started and not finished. Raises SealBroken."""
        packed = self._open(commit.inflight, session_id, commit.n, "inflight")
        return [Started(*entry) for entry in msgpack.unpackb(packed)] if packed else []

    def seal_message(self, channel: str, payload: bytes) -> bytes:
        """Seal a message between nodes."""
        return self._keys.seal(payload, purpose="bus", context=(self._app, channel))

    def open_message(self, channel: str, sealed: bytes) -> bytes | None:
        """Open a message between nodes; None (and nothing else happens) when it does not verify."""
        return self._try(sealed, "message", "bus", channel)

    def seal_entry(self, session_id: str, key: str, payload: bytes) -> bytes:
        """Seal what is put into a session's inbox."""
        return self._keys.seal(payload, purpose="inbox", context=(self._app, session_id, key))

    def open_entry(self, session_id: str, key: str, sealed: bytes) -> bytes | None:
        """Open an entry of a session's inbox; None when it does not verify."""
        return self._try(sealed, "entry", "inbox", session_id, key)

    def seal_post(self, origin: Origin, payload: bytes) -> bytes:
        """Seal a message for the app's stream."""
        return self._keys.seal(payload, purpose="stream", context=(self._app, *astuple(origin)))

    def open_post(self, origin: Origin, sealed: bytes) -> bytes | None:
        """Open a message of the app's stream; None when it does not verify."""
        return self._try(sealed, "post", "stream", *astuple(origin))

    def seal_kept(self, name: str, payload: bytes) -> bytes:
        """Seal a value that is kept for some time."""
        return self._keys.seal(payload, purpose="kept", context=(self._app, name))

    def open_kept(self, name: str, sealed: bytes) -> bytes | None:
        """Open a value that was kept; None when it does not verify."""
        return self._try(sealed, "kept", "kept", name)

    def _try(self, sealed: bytes, what: str, purpose: str, *context: str | int) -> bytes | None:
        try:
            return self._keys.open(sealed, purpose=purpose, context=(self._app, *context))
        except SealBroken:
            self._observer.count("seal_failures", what=what)
            return None

    def _seal(self, payload: bytes, session_id: str, n: int, name: str) -> bytes:
        if not payload:
            return b""
        return self._keys.seal(payload, purpose=PURPOSE, context=(self._app, session_id, n, name))

    def _open(self, sealed: bytes, session_id: str, n: int, name: str) -> bytes:
        if not sealed:
            return b""
        try:
            return self._keys.open(sealed, purpose=PURPOSE, context=(self._app, session_id, n, name))
        except SealBroken:
            self._observer.count("seal_failures", what=name)
            raise
