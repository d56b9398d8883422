"""What providers publish about themselves, kept for a while (layer 2).

One fetch at a time per address, whose end is that of all who wait for it, and a bounded number of addresses.
If a provider cannot be reached, what it said last still counts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from flet_cluster.errors import SignInFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger("flet_cluster.oauth")

T = TypeVar("T")

LIFETIME = 3600.0
"""Seconds after which it is fetched again."""
AGAIN = 10.0
"""Seconds between two fetches that something unknown has caused: anybody can make up the name of a key."""
MOST = 64
"""Addresses that are remembered."""


@dataclass(slots=True)
class _Held(Generic[T]):
    value: T | None = None
    fetching: asyncio.Future[T] | None = None
    fetched: float = 0.0
    forced: float = float("-inf")


class Published(Generic[T]):
    """Values by address.

    Args:
        fetch: gets one. Raises SignInFailed.
        clock: seconds, monotonic; tests pass their own.
    """

    def __init__(
        self, fetch: Callable[[str], Awaitable[T]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: OrderedDict[str, _Held[T]] = OrderedDict()

    async def get(self, url: str) -> T:
        """Return what is published at ``url``. Raises SignInFailed."""
        held = self._of(url)
        if held.value is None or self._clock() - held.fetched > LIFETIME:
            return await self._refreshed(url, held)
        return held.value

    async def renewed(self, url: str, known: T) -> T:
        """Return what is published there now, since ``known`` lacks something. Raises SignInFailed.

        What is there is fetched again at most every :data:`AGAIN` seconds.
        """
        held = self._of(url)
        if held.value is known and self._clock() - held.forced >= AGAIN:
            held.forced = self._clock()
            return await self._refreshed(url, held)
        if held.fetching is not None:
            return await self._refreshed(url, held)
        return held.value if held.value is not None else known

    async def _refreshed(self, url: str, held: _Held[T]) -> T:
        """Fetch it, or wait for one fetch of somebody else. Raises SignInFailed."""
        while held.fetching is not None:
            other = held.fetching
            await asyncio.wait([other])
            if not other.cancelled():  # else whoever fetched has gone: it is our turn
                return other.result()
        fetching = held.fetching = asyncio.get_running_loop().create_future()
        try:
            value = await self._refresh(url, held)
        except SignInFailed as error:
            fetching.set_exception(error)
            fetching.exception()  # it is no news if nobody else waits
            raise
        else:
            fetching.set_result(value)
            return value
        finally:
            fetching.cancel()
            held.fetching = None

    async def _refresh(self, url: str, held: _Held[T]) -> T:
        try:
            held.value = await self._fetch(url)
        except SignInFailed as error:
            if held.value is None:
                raise
            logger.warning("what was published before counts for now: %s", error.detail)
        held.fetched = self._clock()
        assert held.value is not None
        return held.value

    def _of(self, url: str) -> _Held[T]:
        held = self._held.setdefault(url, _Held())
        self._held.move_to_end(url)
        while len(self._held) > MOST:
            self._held.popitem(last=False)
        return held
