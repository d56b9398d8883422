"""Temporary folders that do not outlive their process for long (layer 4: standard library only).

Who is killed removes nothing. So each folder is locked as long as its process lives, which ends with the
process however that ends, and whoever makes the next one removes those that nobody holds any more.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

_LOCK = "lock"


class HeldFolder:
    """A new folder, held until it is removed or this process ends.

    Args:
        prefix: of its name; left folders of the same prefix and user are removed.
    """

    def __init__(self, prefix: str) -> None:
        _remove_left(prefix)
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        # Locked before it has its name: without a lock of that name a folder is left alone.
        self._handle = os.open(self.path / f"{_LOCK}.new", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        _lock(self._handle)
        (self.path / f"{_LOCK}.new").rename(self.path / _LOCK)

    def remove(self) -> None:
        """Remove it with what is in it. Call it once."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._handle)


def _remove_left(prefix: str) -> None:
    """Remove folders of processes that ended without doing so; nothing that is somebody else's."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
                continue
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                _lock(handle)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)


def _lock(handle: int) -> None:
    """Lock a file until it is closed. Raises OSError: another process has it."""
    import fcntl  # noqa: PLC0415  not on Windows, which has no embedded server either

    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
