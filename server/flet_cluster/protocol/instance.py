"""Names of page loads, and which of two came first (layer 1: standard library only).

A tab numbers its page loads, and a page's name begins with its number: ``00002a-9f86d081``. The hello of a
page that is gone may arrive after that of the page which replaced it, over another connection and at another
node. Without an order, the dead page would take the session from the living one.
"""

from __future__ import annotations

import re

_NUMBERED = re.compile(r"([0-9a-f]{6,12})-")


def is_earlier(instance: str, other: str) -> bool:
    """Tell whether ``instance`` is a page load that ``other`` has replaced.

    Out: False if one of them bears no number: then the one that says hello last is the later one.
    """
    mine, theirs = _NUMBERED.match(instance), _NUMBERED.match(other)
    if mine is None or theirs is None:
        return False
    return int(mine[1], 16) < int(theirs[1], 16)
