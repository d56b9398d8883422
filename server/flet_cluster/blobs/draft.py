"""A file that is being written and is not there yet (layer 2: imports only blobs and errors).

Everything here blocks: call it in a thread, one call at a time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flet_cluster.blobs.names import TEMPORARY
from flet_cluster.errors import BadBlobName, BlobStoreFull, BlobStoreUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NAMES = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ})
_ATTEMPTS = 5


class Draft:
    """One file under a temporary name in its final folder.

    Args:
        root: the folder that it may not leave.
        name: path below it, checked.

    Raises:
        BadBlobName: a symbolic link leads out of the folder, or is what would be replaced; or a file is where
            a folder would have to be.
        BlobStoreFull, BlobStoreUnusable: it cannot be begun.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root = Path(os.path.realpath(root))
        self._name = name
        self._target = self._root.joinpath(*name.split("/"))
        self._temporary = self._target.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
        self._made: list[Path] = []
        with self._explained():
            self._check_place()
            self._file = self._open()

    def write(self, data: bytes | bytearray) -> None:
        """Add to it. Raises BlobStoreFull, BlobStoreUnusable."""
        rest = memoryview(data)
        with self._explained():
            while rest:
                rest = rest[self._file.write(rest) :]

    def finish(self) -> None:
        """Let it appear in its place, for good. Raises as the constructor does."""
        with self._explained():
            os.fsync(self._file.fileno())
            self._file.close()
            self._check_place()
            self._temporary.replace(self._target)
            for folder in [self._target.parent, *(made.parent for made in self._made)]:
                _sync_folder(folder)

    def abandon(self) -> None:
        """Remove it, and the folders that were made for it. Harmless after :meth:`finish`."""
        self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()
        for folder in self._made:
            with contextlib.suppress(OSError):  # somebody else's files are in it by now
                folder.rmdir()

    def _check_place(self) -> None:
        """Refuse to follow symbolic links out of the folder, or to replace one."""
        parent = Path(os.path.realpath(self._target.parent))
        if not parent.is_relative_to(self._root) or self._target.is_symlink():
            raise self._bad_name("a symbolic link is in its way")
        if self._target.is_dir():
            raise self._bad_name("there is a folder of that name")

    def _open(self) -> FileIO:
        """Make the folders and the file. Another upload that fails may take an empty folder away again."""
        for attempt in range(_ATTEMPTS):
            self._make_folders()
            try:
                return self._temporary.open("xb", buffering=0)
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError

    def _make_folders(self) -> None:
        folder, missing = self._target.parent, []
        while not folder.is_dir() and folder != folder.parent:
            missing.append(folder)
            folder = folder.parent
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._made = [folder for folder in missing if folder != self._root]  # the innermost first

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what an error of the operating system means for the upload."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise BlobStoreFull("there is no room for this upload on the server") from error
            if error.errno in _NAMES or isinstance(error, FileExistsError):
                raise self._bad_name("its place is taken by something else") from error
            raise BlobStoreUnusable("the server cannot write to its folder of uploads") from error

    def _bad_name(self, reason: str) -> BadBlobName:
        return BadBlobName(f"an upload cannot be called {self._name!r}: {reason}")


def _sync_folder(folder: Path) -> None:
    """Flush what a folder lists; systems that cannot do that need not."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
