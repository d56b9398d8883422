"""Whether a folder is on a file system that several machines see (layer 2: standard library only)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_NETWORK: Final = re.compile(
    r"(nfs4?|cifs|smb3?|smbfs|9p|virtiofs|ceph|glusterfs|lustre|gpfs|beegfs|ocfs2|gfs2|afs|vboxsf|fuse\..+)"
)
"""Types that may be shared. What FUSE shows is somebody's decision, and so believed to be."""
_MOUNTS = Path("/proc/self/mountinfo")


def is_shared(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """Return whether a folder, or where it will be made, is on a network file system.

    Args:
        folder: any path.
        mounts: Linux's table of them; where there is none, the answer is False.
    """
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    place = Path(os.path.realpath(folder))
    best, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(_plain(before.split(" ")[4]))
        if (point == place or point in place.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split(" ")[0]
    return _NETWORK.fullmatch(kind) is not None


def _plain(path: str) -> str:
    """Undo the escapes of spaces and the like."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)
