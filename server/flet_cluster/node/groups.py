"""What commits are to publish, as it is kept in a record until it is published (layer 3; imports no Flet)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack

from flet_cluster.host.pubsub import Publication

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Group:
    """The messages of one commit.

    Attributes:
        epoch: of the lease under which the commit was written.
        n: the commit's number.
    """

    epoch: int
    n: int
    publications: tuple[Publication, ...]

    @property
    def size(self) -> int:
        """Bytes of the messages."""
        return sum(len(publication.body) for publication in self.publications)


def dump_groups(groups: Iterable[Group]) -> bytes:
    """Return groups as bytes; none: b""."""
    packed = [(group.epoch, group.n, [_fields(each) for each in group.publications]) for group in groups]
    return msgpack.packb(packed) if packed else b""


def load_groups(data: bytes) -> list[Group]:
    """Read what :func:`dump_groups` wrote."""
    packed = msgpack.unpackb(data) if data else []
    return [Group(epoch, n, tuple(Publication(*each) for each in fields)) for epoch, n, fields in packed]


def dump_publication(publication: Publication) -> bytes:
    """Return one message as bytes."""
    packed: bytes = msgpack.packb(_fields(publication))
    return packed


def load_publication(data: bytes) -> Publication:
    """Read what :func:`dump_publication` wrote."""
    return Publication(*msgpack.unpackb(data))


def _fields(publication: Publication) -> tuple[str | bytes, ...]:
    fields = publication.key, publication.body, publication.except_session
    return (*fields, publication.trace) if publication.trace else fields
