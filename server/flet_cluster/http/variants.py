"""Hands out content in the coding that a browser takes (layer 4: imports no Flet).

The best form comes from the cache. Until it is there, a fast one is made, in a thread, once. What was sent
lately stays in memory, within bounds.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flet_cluster.http.encoding import SMALL, compressed
from flet_cluster.http.files import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.http.cache import VariantCache

_MOST_BYTES = 64 * 1024 * 1024
_MOST_KEPT = 4096
_TAG_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Variant:
    """Content in a coding.

    Attributes:
        body: its bytes; b"" if the coding does not make them smaller.
        tag: its ETag, without quotes. It says what the content is, and that it is these bytes of it.
        best: whether there will be no smaller one.
    """

    body: bytes
    tag: str
    best: bool


class Variants:
    """Compressed forms of content, by its hash.

    Args:
        cache: where the best ones are; None for none.
        on_miss: called, in a thread, when the best one is not there.
        most: bytes to keep in memory.
    """

    def __init__(
        self,
        cache: VariantCache | None = None,
        on_miss: Callable[[], None] = lambda: None,
        most: int = _MOST_BYTES,
    ) -> None:
        self._cache = cache
        self._on_miss = on_miss
        self._most = most
        self._kept: OrderedDict[tuple[str, str], Variant] = OrderedDict()
        self._lock = threading.Lock()
        # One thread: what two browsers ask for at once is made once, and leaves a core for the rest.
        self._maker = ThreadPoolExecutor(1, "flet-cluster-compress")

    async def of(self, digest: str, coding: str, size: int, read: Callable[[], bytes]) -> Variant | None:
        """Return content in a coding; None if it has changed since its hash was taken, or is gone.

        Args:
            digest: hash of the content.
            coding: one of :data:`flet_cluster.http.encoding.CODINGS`.
            size: bytes of the content.
            read: returns the content; called in a thread.
        """
        known = self._known(digest, coding)
        if known is not None and known.best:
            return known
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._maker, self._made, digest, coding, size, read)

    def _made(self, digest: str, coding: str, size: int, read: Callable[[], bytes]) -> Variant | None:
        known = self._known(digest, coding)
        if known is not None and known.best:
            return known  # made while this one waited for the thread
        body = self._cache.read(digest, coding, size) if self._cache is not None else None
        if body is not None:
            return self._keep(digest, coding, body, best=True)
        if size > SMALL:
            self._on_miss()
        if known is not None:
            return known
        try:
            content = read()
        except OSError:
            return None
        if digest_of(content) != digest:
            return None
        best = size <= SMALL
        return self._keep(digest, coding, compressed(content, coding, best=best), best=best)

    def _known(self, digest: str, coding: str) -> Variant | None:
        with self._lock:
            known = self._kept.get((digest, coding))
            if known is not None:
                self._kept.move_to_end((digest, coding))
            return known

    def _keep(self, digest: str, coding: str, body: bytes, *, best: bool) -> Variant:
        variant = Variant(body, f"{digest}-{coding}-{digest_of(body)[:_TAG_LENGTH]}", best)
        with self._lock:
            self._kept[digest, coding] = variant
            self._kept.move_to_end((digest, coding))
            total = sum(len(kept.body) for kept in self._kept.values())
            while total > self._most or len(self._kept) > _MOST_KEPT:
                total -= len(self._kept.popitem(last=False)[1].body)
        return variant
