"""What an uploaded file may be called (layer 2: imports the standard library and layer 0).

A name is a relative path with forward slashes, in any script, with spaces. The same rules hold everywhere: a
name that is fine on the laptop must be fine on the server, and in a bucket.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from flet_cluster.errors import BadBlobName

MAX_NAME: Final = 1024
"""Bytes of a name, in UTF-8: what S3 allows."""
MAX_PART: Final = 255
"""Bytes of each of its parts: what file systems allow."""

TEMPORARY: Final = ".flet-upload-"
"""How names of unfinished uploads begin. They are hidden, so that no listing and no web server shows half a
file; and they are removed after a while, so that nothing else may be called that."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"^[A-Za-z]:")
_DEVICE = re.compile(r"^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*([.:].*)?$", re.IGNORECASE)
"""What Windows takes for a device, whatever folder and ending it has."""


def checked(name: str) -> str:
    """Return the name if a blob may have it.

    Raises:
        BadBlobName: says what is wrong with it.
    """
    trouble = _trouble(name)
    if trouble:
        shown = name if len(name) <= MAX_PART else name[:MAX_PART] + "…"
        raise BadBlobName(f"an upload cannot be called {shown!r}: {trouble}")
    return name


def _trouble(name: str) -> str:
    """Say what is wrong; "" if nothing is."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it is not Unicode text"
    if not name:
        return "it is empty"
    if size > MAX_NAME:
        return f"it has {size} bytes, at most {MAX_NAME} are allowed"
    # Escapes that are still there would be resolved by somebody some day: they must not hide a path.
    plain = name
    for _ in range(4):
        trouble = _trouble_of_path(plain)
        plain, before = unquote(plain), plain
        if trouble or plain == before:
            return trouble
    return "it is escaped over and over"


def _trouble_of_path(path: str) -> str:
    if _CONTROL.search(path):
        return "it has control characters"
    if path.startswith("/") or _DRIVE.match(path):
        return "it must be relative to the folder of uploads"
    if "\\" in path:
        return "folders are separated by /"
    return next(filter(None, map(_trouble_of_part, path.split("/"))), "")


def _trouble_of_part(part: str) -> str:
    if part in {"", "."}:
        return "a folder in it has no name"
    if part == "..":
        return "it leads out of the folder of uploads"
    if len(part.encode(errors="replace")) > MAX_PART:
        return f"a part of it has more than {MAX_PART} bytes"
    if part.lower().startswith(TEMPORARY):
        return f"what begins with {TEMPORARY} is an upload that has not ended"
    if _DEVICE.match(part):
        return f"{part} is a device on Windows"
    return ""
