"""What a snapshot says of names that another process may not have (layer 1: standard library and siblings).

Format: ``magic``, u32 length of the head, u32 length of the values, head, values, and then the snapshot as it
would be. The head is text, a line for each object: its type, then its names, separated by blanks. The values
are a snapshot of the list of the first of these objects: those that can travel.
"""

from __future__ import annotations

import contextlib
import logging
import struct
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable, SnapshotOutdated
from flet_cluster.snapshot.names import resolve
from flet_cluster.snapshot.report import changed_meanwhile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flet_cluster.snapshot.code_index import CodeIndex

    Writer = Callable[[list[object], set[int]], tuple[bytes, list["Late"]]]

logger = logging.getLogger("flet_cluster.snapshot")

MAGIC = b"fcl1"
_HEAD = len(MAGIC) + 8
_MISSING = "nobody has made it in this process, and it could not travel; make it when its module is imported"
MOST = 1_000_000
"""Bytes of what is sent along with each snapshot because another process may not have it."""

Late = tuple[str, object]
"""The names of an object, separated by blanks, and the object."""


class Sender:
    """Sends along what another process may not have under its name, see :mod:`.births`."""

    def __init__(self) -> None:
        self._refused: dict[str, int] = {}

    def send(self, late: list[Late], data: bytes, write: Writer) -> bytes:
        """Return a snapshot together with the late objects that it refers to, as far as they can travel.

        Args:
            late: the objects.
            data: the snapshot.
            write: takes a list of objects and their identities, and returns a snapshot of the list in which
                these travel by value, and the late objects that it refers to.
        """
        wanted = self._accepted(late)
        try:
            sent, values = self._values(wanted, write)
        except NotPortable as error:
            for item in wanted:
                self._look_at(item, write)
            if self._accepted(late) == wanted:  # each one could travel, all together cannot
                self._refuse(wanted, error)
            return self.send(late, data, write)
        known = {names for names, _ in sent}
        return wrap([*sent, *(item for item in late if item[0] not in known)], values, data)

    def _accepted(self, late: list[Late]) -> list[Late]:
        return [(names, obj) for names, obj in late if self._refused.get(names) != id(obj)]

    def _values(self, wanted: list[Late], write: Writer) -> tuple[list[Late], bytes]:
        """Return all that has to be sent, and a snapshot of these objects.

        Raises:
            NotPortable: something in it cannot travel, or it is too big.
            RuntimeError: a thread changes it, or it is a long chain of objects.
        """
        sent: list[Late] = []
        needed: list[Late] = []
        data = b""
        while wanted:
            sent += wanted
            objects = [obj for _, obj in sent]
            try:
                data, needed = write(objects, set(map(id, objects)))
            except (Exception, SystemExit) as error:
                if isinstance(error, (NotPortable, RecursionError)) or changed_meanwhile(error):
                    raise
                raise NotPortable("", str(error)) from error
            wanted = self._accepted(needed)
        if len(data) > MOST:
            raise NotPortable(
                "", f"it has {len(data) / 1e6:.1f} MB, and {MOST / 1e6:.0f} MB may be sent along"
            )
        return sent, wrap(needed, b"", data) if needed else data

    def _look_at(self, item: Late, write: Writer) -> None:
        """Find out whether an object can travel."""
        try:
            self._values([item], write)
        except NotPortable as error:
            self._refuse([item], error)

    def _refuse(self, late: list[Late], error: NotPortable) -> None:
        """Do not try again until the name is bound anew."""
        for names, obj in late:
            self._refused[names] = id(obj)
            logger.warning(
                "%s was made after its module was imported, and cannot travel (%s). A session that refers to "
                "it goes on only where somebody has made it: make it when the module is imported",
                names,
                error.reason,
            )


def wrap(late: Sequence[Late], values: bytes, data: bytes) -> bytes:
    """Put before a snapshot what it refers to by names that others may not have.

    Args:
        late: (names, object); names separated by blanks.
        values: a snapshot of the list of objects; b"" if they cannot travel.
        data: the snapshot.
    """
    head = "\n".join(f"{type_key(type(obj))} {names}" for names, obj in late).encode()
    return b"".join((MAGIC, struct.pack("<II", len(head), len(values)), head, values, data))


def unwrap(data: bytes, code: CodeIndex, read: Callable[[bytes], list[Any]]) -> tuple[LateNames, bytes]:
    """Return the names that others may not have, and the snapshot itself.

    Args:
        data: what was read.
        code: finds names.
        read: rebuilds the values.
    """
    if not data.startswith(MAGIC):
        return LateNames([], b"", code, read), data
    size, values = struct.unpack_from("<II", data, len(MAGIC))
    lines = data[_HEAD : _HEAD + size].decode().split("\n")
    start = _HEAD + size
    return LateNames(lines, data[start : start + values], code, read), data[start + values :]


def type_key(cls: type) -> str:
    """Return what a type is called here, without blanks."""
    return f"{cls.__module__}:{cls.__qualname__}".replace(" ", "")


class LateNames:
    """Finds the objects of such names, or puts them there."""

    def __init__(
        self, lines: list[str], values: bytes, code: CodeIndex, read: Callable[[bytes], list[Any]]
    ) -> None:
        self._lines = [(line.split(" ")[0], line.split(" ")[1:]) for line in lines]
        self._of = {name: index for index, (_, names) in enumerate(self._lines) for name in names}
        self._values = values
        self._code = code
        self._read = read
        self._made: list[Any] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._of

    def get(self, name: str) -> Any:
        """Return the object of a name: what this process has, if it is of that type, else what has travelled.

        Raises:
            SnapshotOutdated: there is neither.
        """
        kind, names = self._lines[self._of[name]]
        for found in map(self._here, names):
            if found is not None and type_key(type(found)) == kind:
                return found
        if self._made is None:
            self._made = self._put()
        index = self._of[name]
        if index >= len(self._made):
            raise SnapshotOutdated(" or ".join(names), _MISSING)
        return self._made[index]

    def _put(self) -> list[Any]:
        """Rebuild the objects; those that this process has nothing for are from now on under their names."""
        made = self._read(self._values) if self._values else []
        for (_, names), value in zip(self._lines, made, strict=False):
            for name in names:
                if self._here(name) is None:
                    _bind(self._code, name, value)
        return made

    def _here(self, name: str) -> Any:
        """Return what this process has under a name; None: nothing."""
        with contextlib.suppress(SnapshotOutdated):
            return resolve(self._code, name)
        return None


def _bind(code: CodeIndex, name: str, value: object) -> None:
    """Put an object under a name: a global, or an attribute of a class."""
    module, _, path = name.partition(":")
    way, _, key = path.rpartition(".")
    holder = resolve(code, f"{module}:{way}") if way else code.load(module)
    setattr(holder, key, value)
