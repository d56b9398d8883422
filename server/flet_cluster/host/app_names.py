"""What an app is called in the cluster unless somebody says otherwise (layer 3: imports nothing)."""

from __future__ import annotations

import hashlib
import re

_LONGEST = 60
"""A number must fit behind it: names in the cluster have up to 64 characters."""
_DIGEST = 8


def default_name(module: str) -> str:
    """Return the name of an app whose script is this module.

    A script may be called as its author likes, what is a prefix in Redis may not: ``01 my todo`` becomes
    ``01-my-todo`` and a digest. Scripts of different names have different ones, the same on every node.
    """
    last = module.rpartition(".")[2]
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", last).strip("-")
    if plain == last and len(last) <= _LONGEST:
        return last
    digest = hashlib.sha256(last.encode()).hexdigest()[:_DIGEST]
    return f"{plain[: _LONGEST - _DIGEST - 1]}-{digest}".lstrip("-")
