"""What is in a folder of uploads: read, listed, removed (layer 2: imports only blobs and errors).

Everything here blocks: call it in a thread. As for uploads, no symbolic link leads out of the folder. Pipes
and devices are refused, uploads that have not ended are hidden.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from flet_cluster.blobs.base import Blob
from flet_cluster.blobs.names import TEMPORARY, checked
from flet_cluster.errors import BadBlobName, BlobMissing, BlobStoreUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOWHERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EINVAL, errno.EILSEQ})
_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)
"""Never through a link, and never waiting for who writes to a pipe."""


class OpenBlob:
    """A file that is read. What replaces or removes it meanwhile changes nothing for who reads.

    Args:
        root: the folder that it may not leave.
        name: path below it, checked.

    Attributes:
        blob: what is known of it.

    Raises:
        BlobMissing: it is not there.
        BadBlobName: a symbolic link is in its way, or it is not a plain file.
        BlobStoreUnusable: it cannot be read.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._guard = threading.Lock()
        self._handle = -1
        with _explained(name):
            place = _place(root, name)
            _must_be_a_file(name, place.lstat())  # opening some devices has effects
            self._handle = os.open(place, _FLAGS)
            status = os.fstat(self._handle)
            _must_be_a_file(name, status)
        self.blob = _blob(name, status)

    def read(self, start: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``start`` on; none at its end. Raises BlobStoreUnusable."""
        with self._guard, _explained(self.blob.name):
            os.lseek(self._handle, start, os.SEEK_SET)
            return os.read(self._handle, size)

    def close(self) -> None:
        """Let go of it, once nobody reads any more."""
        with self._guard:
            handle, self._handle = self._handle, -1
            if handle >= 0:
                os.close(handle)

    def __del__(self) -> None:
        """Nobody waited for it to be opened."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def remove(root: Path, name: str) -> None:
    """Remove a file, and the folders that are empty then. Raises as :class:`OpenBlob` does."""
    with _explained(name):
        place = _place(root, name)
        _must_be_a_file(name, place.lstat())
        place.unlink()
    top = Path(os.path.realpath(root))
    for folder in place.parents:
        if folder == top:
            break
        try:
            folder.rmdir()
        except OSError:  # something is in it, or begins to be
            break


def listed(root: Path, prefix: str) -> Iterator[Blob]:
    """Yield the files whose names begin with ``prefix``, sorted by name.

    In memory are the names of one folder and of those above it.

    Raises:
        BlobStoreUnusable: a folder cannot be read.
    """
    with contextlib.suppress(BlobMissing, BadBlobName), _explained(prefix):
        folder = prefix.rpartition("/")[0]
        if folder:
            checked(folder)
        start = _place(root, f"{folder}/_").parent if folder else root
        waiting = [_entries(start, f"{folder}/" if folder else "", prefix)]
        while waiting:
            entry = next(waiting[-1], None)
            if entry is None:
                waiting.pop()
            elif isinstance(entry.found, Blob):
                yield entry.found
            else:
                waiting.append(_entries(entry.found, entry.key, prefix))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A blob or a folder. Sorted by their keys, all blobs below come in the order of their names."""

    key: str
    found: Blob | Path


def _entries(folder: Path, path: str, prefix: str) -> Iterator[_Entry]:
    """Return what a folder has that may be listed, in order. ``path``: its own name, with a slash."""
    entries: list[_Entry] = []
    try:
        with os.scandir(folder) as found:
            entries.extend(filter(None, (_entry(item, path, prefix) for item in found)))
    except (FileNotFoundError, NotADirectoryError):  # it was removed meanwhile
        pass
    entries.sort(key=lambda entry: entry.key)
    return iter(entries)


def _entry(item: os.DirEntry[str], path: str, prefix: str) -> _Entry | None:
    """Return a file or folder, if it is one, and is or may hold what is wanted."""
    name = path + item.name
    try:
        if item.is_dir(follow_symlinks=False):
            key = f"{name}/"
            wanted = key.startswith(prefix) or prefix.startswith(key)
            return _Entry(key, Path(item.path)) if wanted else None
        if not name.startswith(prefix) or not item.is_file(follow_symlinks=False):
            return None
        checked(name)  # what no upload can be called cannot be asked for either
        return _Entry(name, _blob(name, item.stat(follow_symlinks=False)))
    except (FileNotFoundError, BadBlobName):
        return None


def _place(root: Path, name: str) -> Path:
    """Return where a file is, if no symbolic link leads out of the folder on the way."""
    parts = name.split("/")
    if any(part.lower().startswith(TEMPORARY) for part in parts):
        raise _missing(name)
    top = Path(os.path.realpath(root))
    place = top.joinpath(*parts)
    folder = Path(os.path.realpath(place.parent))
    if not folder.is_relative_to(top):
        raise BadBlobName(f"{name!r} cannot be read: a symbolic link is in its way")
    return folder / parts[-1]


def _blob(name: str, status: os.stat_result) -> Blob:
    version = f"{status.st_ino}-{status.st_mtime_ns}"  # one that replaces another has another inode
    return Blob(name, status.st_size, status.st_mtime, version)


def _must_be_a_file(name: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise _missing(name)
    if stat.S_ISLNK(status.st_mode):
        raise BadBlobName(f"{name!r} cannot be read: a symbolic link is in its way")
    if not stat.S_ISREG(status.st_mode):
        raise BadBlobName(f"{name!r} cannot be read: it is not a plain file")


def _missing(name: str) -> BlobMissing:
    return BlobMissing(f"there is no upload {name!r}")


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say what an error of the operating system means."""
    try:
        yield
    except OSError as error:
        if error.errno in _NOWHERE:
            raise _missing(name) from error
        if error.errno in _NO_FILE:
            raise BadBlobName(f"{name!r} cannot be read: it is not a plain file") from error
        raise BlobStoreUnusable("the server cannot read its folder of uploads") from error
