"""Open files travel as path, mode and position (layer 1: standard library and siblings only).

Nothing is created or truncated on the way: a file that was opened to be written is opened again for an
update, at its position. What was written behind that position after the last commit is cut off if the file
had ended there ("w" and "x": who writes from the beginning to the end), and stays otherwise; a file opened
to append goes on at its end.
"""

from __future__ import annotations

import io
import os
import weakref
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer

_NO_PATH = "it has no path to be opened by again; use flet_cluster.resource(lambda: …)"
_MODES = {"rb": "rb", "rb+": "rb+", "wb": "rb+", "xb": "rb+", "ab": "ab", "ab+": "ab+", "xb+": "rb+"}
_SEQUENTIAL = frozenset({"wb", "xb"})
_first_modes: weakref.WeakKeyDictionary[io.FileIO, str] = weakref.WeakKeyDictionary()
"""How the app has opened a file that has been opened again since: that says how it uses it."""


def _reduce_binary(file: Any) -> Any:
    if file.closed:
        return _closed, ("rb",)
    raw = getattr(file, "raw", file)
    if file.writable():
        file.flush()
    return _binary, (_path(raw), _mode(raw), file.tell(), _ends(file, raw), 0 if raw is file else -1)


def reduce_text(file: io.TextIOWrapper) -> Any:
    """Reduce a text file; the standard streams have a name and come first."""
    if file.closed:
        return _closed, ("r",)
    buffer: Any = file.buffer
    raw = getattr(buffer, "raw", None)
    if raw is None:
        raise NotPortable("", _NO_PATH)
    path = _path(raw)
    if file.writable():
        file.flush()
    try:
        position = file.tell()
    except OSError as error:
        raise NotPortable(
            "", f"it is in the middle of a loop over its lines ({error}); use readline()"
        ) from error
    options = {
        "encoding": file.encoding,
        "errors": file.errors,
        "line_buffering": file.line_buffering,
    }
    return _text, (path, _mode(raw), position, _ends(buffer, raw), options)


def _path(raw: Any) -> str:
    """Return where a file is."""
    name = getattr(raw, "name", None)
    if not isinstance(name, (str, bytes)) or not raw.seekable():
        raise NotPortable("", _NO_PATH)
    return os.path.abspath(os.fsdecode(name))  # noqa: PTH100 - not resolved: links may differ between nodes


def _mode(raw: Any) -> str:
    """Return the mode in which the app has opened a file."""
    mode: str = _first_modes.get(raw, raw.mode)
    return mode


def _ends(file: Any, raw: Any) -> int:
    """Return where the file ends, if it is being written up to there; -1 otherwise."""
    if _mode(raw) not in _SEQUENTIAL:
        return -1
    end = os.fstat(raw.fileno()).st_size
    return end if file.tell() == end else -1


def _binary(path: str, mode: str, position: int, end: int, buffering: int) -> Any:
    """Open a file where it was left."""
    file: Any = open(path, _MODES.get(mode, mode), buffering)  # noqa: PTH123, SIM115 - handed to the app
    _first_modes[getattr(file, "raw", file)] = mode
    if end >= 0:
        file.truncate(end)
    if not mode.startswith("a"):
        file.seek(position)
    return file


def _text(path: str, mode: str, position: int, end: int, options: dict[str, Any]) -> Any:
    """Open a text file where it was left."""
    file = io.TextIOWrapper(_binary(path, mode, 0, end, -1), **options)
    if not mode.startswith("a"):
        file.seek(position)
    return file


def _closed(mode: str) -> Any:
    """Return a file that was closed."""
    file = open(os.devnull, mode)  # noqa: PTH123, SIM115 - closed at once
    file.close()
    return file


TYPES: dict[str, Reducer] = {
    "_io.BufferedReader": _reduce_binary,
    "_io.BufferedWriter": _reduce_binary,
    "_io.BufferedRandom": _reduce_binary,
    "_io.FileIO": _reduce_binary,
}
"""Reducers by the name of a type."""
