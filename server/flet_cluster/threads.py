"""Threads for blocking work of this package (layer 1: standard library only).

The loop's default executor, which ``asyncio.to_thread`` uses, is the app's: a few slow calls of one user fill
it, and whatever else went through it would wait, for every user (I9). So each kind of work here has a few
threads of its own; one kind does not wait for another either.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A few threads for one kind of short work, made when they are needed; further work waits.

    They are of the process, not of a node: they outlive the loop, and end when Python does, which waits for
    what they are doing.

    Args:
        name: what the threads are called.
        size: how many there are at most.
    """

    def __init__(self, name: str, size: int) -> None:
        self._pool = ThreadPoolExecutor(size, name)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do work in one of the threads; returns what it returns, raises what it raises.

        If this is cancelled, work that has begun goes on.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))


FILES: Final = Threads("flet-cluster-files", 8)
"""Looks for files of the web client, and reads new ones for their hash."""

UPLOADS: Final = Threads("flet-cluster-uploads", 8)
"""Writes what browsers upload, to a disk that may be slow."""

BUCKET: Final = Threads("flet-cluster-bucket", 16)
"""Speaks with the store of uploads, if that is elsewhere."""

SEALING: Final = Threads("flet-cluster-sealing", 2)
"""Compresses and seals states that are big."""

SETUP: Final = Threads("flet-cluster-setup", 1)
"""Imports what is large, when somebody first needs it."""
