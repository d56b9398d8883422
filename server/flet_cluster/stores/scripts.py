"""The Lua scripts, read from this package (layer 2: imports the standard library only)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Script:
    """One script as the server knows it.

    Attributes:
        name: file name without its ending.
        source: the prelude and the file.
        sha: what EVALSHA calls it by.
    """

    name: str
    source: str
    sha: str


def _load(name: str) -> Script:
    folder = resources.files("flet_cluster.stores").joinpath("lua")
    parts = (folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("prelude", name))
    source = "".join(parts)
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


ACQUIRE = _load("acquire")
APPEND = _load("append")
CLAIM = _load("claim")
CLEAR = _load("clear")
COMMIT = _load("commit")
CREATE = _load("create")
DELETE = _load("delete")
DUE = _load("due")
END = _load("end")
INBOX = _load("inbox")
INCARNATION = _load("incarnation")
KEEP = _load("keep")
KEPT = _load("kept")
KICK = _load("kick")
LOWER = _load("lower")
PEEK = _load("peek")
POST = _load("post")
READ = _load("read")
REFILL = _load("refill")
REINDEX = _load("reindex")
RELEASE = _load("release")
SKETCH = _load("sketch")
TAKE = _load("take")
TOUCH = _load("touch")
