"""A folder of compressed files, by the hash of what they were made from (layer 4: no Flet, no loop).

Nothing in it is trusted: a file is used only if it decompresses to content with the hash that it is named
for. Whoever else can write there can make files useless, not change what a browser gets. Files appear whole,
so any number of processes may fill one folder, and a folder filled at image build may be read-only later.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from flet_cluster.http.encoding import CODINGS, decompressed
from flet_cluster.http.files import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BYTES = 1 << 30
_LOCK = ".lock"
_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


class VariantCache:
    """The compressed forms of files in one folder.

    Args:
        folder: where they are; need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, digest: str, coding: str) -> bool:
        """Whether there is a file for some content, be it good or not."""
        return self._path(digest, coding).is_file()

    def read(self, digest: str, coding: str, size: int) -> bytes | None:
        """Return content in a coding.

        Args:
            digest: hash of the content, see :func:`flet_cluster.http.files.digest_of`.
            coding: one of :data:`flet_cluster.http.encoding.CODINGS`.
            size: bytes of the content.

        Returns:
            The bytes; b"" if this coding does not make them smaller; None if nothing usable is there.
        """
        path = self._path(digest, coding)
        body = _regular(path, size)
        if not body:
            return body
        content = decompressed(body, coding, size)
        if content is not None and digest_of(content) == digest:
            return body
        with contextlib.suppress(OSError):
            path.unlink()  # so that it is made again
        return None

    def prepare(self, mode: int = 0o700) -> None:
        """Make the folder, for this user alone unless another mode is given.

        Raises:
            OSError: it cannot be made, or not be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=mode)
        with tempfile.TemporaryFile(dir=self.folder):
            pass

    def write(self, digest: str, coding: str, body: bytes) -> None:
        """Add a file, whole or not at all.

        Raises:
            OSError: the disk is full, or not to be written.
        """
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            new.chmod(0o644)  # the folder says who may look; an image is built by another user
            new.replace(self._path(digest, coding))
        except BaseException:
            with contextlib.suppress(OSError):
                new.unlink()
            raise

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Give True to one process of this machine at a time, False to the others."""
        try:
            import fcntl  # noqa: PLC0415  not on Windows, where files may be made twice
        except ImportError:
            yield True
            return
        handle = os.open(
            self.folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, mode=0o600
        )
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(handle)

    def prune(self, most: int = _MOST_BYTES) -> None:
        """Remove the oldest files until what is left takes at most this many bytes."""
        files = [path for coding in CODINGS for path in self.folder.glob(f"*.{coding}")]
        files += self.folder.glob(".new-*")  # of processes that were killed
        known = []
        for path in files:
            with contextlib.suppress(OSError):  # another process removed it
                known.append((path.lstat().st_mtime, path.lstat().st_size, path))
        total = sum(size for _, size, _ in known)
        for _, size, path in sorted(known):
            if total <= most:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _path(self, digest: str, coding: str) -> Path:
        return self.folder / f"{digest}.{coding}"


def _regular(path: Path, most: int) -> bytes | None:
    """Read a file that is nothing else and not larger than this."""
    try:
        handle = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(handle)
