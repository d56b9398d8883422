"""Finds files and says what they are (layer 4: reads the disk, imports no Flet).

A file's ETag starts with a hash of its content: nodes that serve the same bytes say so, wherever and whenever
they were installed. Modification times differ between nodes and are never sent.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TYPES = mimetypes.MimeTypes()
for _type, _extension in (
    ("text/javascript", ".js"),
    ("text/javascript", ".mjs"),
    ("application/wasm", ".wasm"),
    ("application/json", ".json"),
    ("font/otf", ".otf"),
    ("font/ttf", ".ttf"),
    ("font/woff2", ".woff2"),
    ("image/svg+xml", ".svg"),
    ("image/webp", ".webp"),
):
    # What the operating system's own table says differs between nodes.
    _TYPES.add_type(_type, _extension)

_VISIBLE_HIDDEN = ".well-known"
_MOST_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Found:
    """A file to serve.

    Attributes:
        path: where it is.
        status: what the operating system says about it.
    """

    path: Path
    status: os.stat_result


def media_type(path: str) -> str:
    """Return the content type for a file name."""
    return _TYPES.guess_type(path)[0] or "application/octet-stream"


def digest_of(content: bytes) -> str:
    """Return the hash by which content is known, in hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


class Overlay:
    """Several folders seen as one: the first that has a file wins.

    Args:
        folders: those that exist are used.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._roots = [folder.resolve() for folder in folders if folder.is_dir()]
        self._digests: dict[Path, tuple[tuple[int, ...], str]] = {}
        self._lock = threading.Lock()

    def find(self, path: str) -> Found | None:
        """Find a file by its URL path; nothing outside the folders, nothing hidden."""
        parts = [part for part in path.split("/") if part]
        if not parts or any(_forbidden(part) for part in parts):
            return None
        for root in self._roots:
            found = _file_in(root, parts)
            if found is not None:
                return found
        return None

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, if there is one."""
        found = self.find(path)
        return found.path.read_bytes() if found else None

    def files(self) -> Iterator[tuple[str, Found]]:
        """Go through all files that can be asked for, by URL path; of very many, only some."""
        seen: set[str] = set()
        for root in self._roots:
            for folder, folders, names in os.walk(root):
                folders[:] = sorted(name for name in folders if not _forbidden(name))
                for name in sorted(names):
                    path = (Path(folder) / name).relative_to(root).as_posix()
                    if path in seen or len(seen) >= _MOST_FILES:
                        continue
                    seen.add(path)
                    found = self.find(path)
                    if found is not None:
                        yield path, found

    def digest(self, found: Found) -> str:
        """Return a file's hash; reads it when it is new or has changed, so call this off the event loop.

        Raises:
            OSError: it cannot be read.
        """
        known = self.known_digest(found)
        if known is not None:
            return known
        with found.path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        with self._lock:
            self._digests.pop(found.path, None)
            self._digests[found.path] = (_version(found), digest)
            if len(self._digests) > _MOST_FILES:  # of files that come and go, forget the oldest
                del self._digests[next(iter(self._digests))]
        return digest

    def known_digest(self, found: Found) -> str | None:
        """Return a file's hash if it is known without reading."""
        known = self._digests.get(found.path)
        return known[1] if known is not None and known[0] == _version(found) else None


def _version(found: Found) -> tuple[int, ...]:
    """Tell a file's states apart; inode and change time also where an editor or a copy keeps the rest."""
    status = found.status
    return (status.st_mtime_ns, status.st_size, status.st_ctime_ns, status.st_ino)


def _forbidden(part: str) -> bool:
    hidden = part.startswith(".") and part != _VISIBLE_HIDDEN
    return hidden or "\\" in part or "\0" in part or (os.name == "nt" and ":" in part)


def _file_in(root: Path, parts: list[str]) -> Found | None:
    try:
        # Not Path.resolve, for which links in a circle are a RuntimeError before Python 3.13.
        path = Path(os.path.realpath(root.joinpath(*parts), strict=True))
        status = path.stat()
    except (OSError, ValueError):
        return None
    if not path.is_relative_to(root) or not stat.S_ISREG(status.st_mode):
        return None
    return Found(path, status)
