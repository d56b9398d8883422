"""Takes the messages of ``page.pubsub`` from node to node, through the app's stream (layer 3).

A node has one reader of the stream, which gives each of its sessions what it hears. Messages between nodes
only say that there is something to read (I4). A session that is further back, since it slept or comes from
another node, reads on by itself until it has come to where the reader is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from flet_cluster.errors import BusUnavailable, SealBroken, SnapshotError, StoreError
from flet_cluster.node.feed import Heard
from flet_cluster.node.groups import load_publication
from flet_cluster.stores.base import GRACE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from flet_cluster.model import Post, StreamPage
    from flet_cluster.node.feed import Feed
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")

PUBSUB_CHANNEL: Final = "pubsub"
LOOK_SECONDS: Final = 0.4
"""How long a message waits at most when nobody says that it is there."""
PAGE: Final = 100
"""Messages read at a time."""
READS_AT_ONCE: Final = 8
"""Sessions of a node that read on by themselves at the same time."""
STEP_SECONDS: Final = 0.005
"""How long giving messages to sessions may hold up everything else on the loop."""


class Publications:
    """One node's end of the app's pub/sub."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._unsubscribe: Callable[[], Awaitable[None]] | None = None
        self._followers: dict[str, Seat] = {}
        self._position = 0
        self._hint = asyncio.Event()
        self._wanted = asyncio.Event()
        self._reads = asyncio.Semaphore(READS_AT_ONCE)

    async def start(self) -> None:
        """Listen to the other nodes, and read. Raises BusUnavailable."""
        self._unsubscribe = await self._node.bus.subscribe(PUBSUB_CHANNEL, lambda _: self._hint.set())
        self._node.spawn(self._follow_stream())

    async def stop(self) -> None:
        """Listen no more."""
        if self._unsubscribe is not None:
            await self._unsubscribe()

    # -- out --------------------------------------------------------------------------------------

    async def append(self, posts: list[Post]) -> None:
        """Put messages into the stream and tell all nodes. Raises StoreError."""
        settings = self._node.settings
        await self._node.store.stream_append(
            posts,
            age=settings.pubsub_retention,
            length=settings.pubsub_length,
            size=settings.pubsub_bytes,
            memory=2 * (settings.session_timeout + GRACE),  # longer than a record lives that nobody writes
        )
        self._node.observer.count("published", len(posts))
        self._hint.set()
        self._node.spawn(self._tell())

    async def _tell(self) -> None:
        """Tell the other nodes; a hint (I4)."""
        with contextlib.suppress(BusUnavailable):
            await self._node.bus.publish(PUBSUB_CHANNEL, b"")

    # -- who hears --------------------------------------------------------------------------------

    def follow(self, seat: Seat, hears: dict[str, int], position: int) -> None:
        """A seat's record says what it hears, and how far it has heard."""
        feed, began = seat.feed, not seat.feed.hears
        feed.hears = hears
        if not hears:
            self._followers.pop(seat.id, None)
        elif began and self._node.seats.get(seat.id) is seat:
            feed.cursor, feed.behind = position, True
            if seat.live is not None:
                seat.live.messages.passed(position)
            self._followers[seat.id] = seat
            self._wanted.set()
            self._catch_up(seat)

    def _present(self) -> Iterator[Seat]:
        """All that hear something; those that have left are forgotten."""
        for seat in list(self._followers.values()):
            if seat.feed.wanted:
                yield seat
            elif self._followers.get(seat.id) is seat:
                del self._followers[seat.id]

    # -- in ---------------------------------------------------------------------------------------

    async def _follow_stream(self) -> None:
        while True:
            await self._wanted.wait()
            self._hint.clear()
            try:
                more = await self._read()
            except StoreError as error:
                logger.warning("pub/sub messages wait for the store: %s", error)
                more = False
            except Exception:  # or no session here would ever hear anything again
                logger.exception("reading pub/sub messages failed; it goes on")
                more = False
            if not more:
                self._look_after()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):  # wait_for may swallow that the node stops
                        await self._hint.wait()

    async def _read(self) -> bool:
        """Read on, once; whether there may be more. Raises StoreError."""
        if not self._position:
            self._position = await self._node.store.stream_end()
        page = await self._next(self._position)
        heard = self._open(page)
        # Before anything is given: who comes to this position by itself in the meantime has the page already.
        self._position = heard[-1].n if heard else page.last
        pause_at = self._node.loop.time() + STEP_SECONDS
        for seat in self._present():
            if not seat.feed.behind:
                self._give(seat, heard, page.last)
            if self._node.loop.time() > pause_at:
                await asyncio.sleep(0)
                pause_at = self._node.loop.time() + STEP_SECONDS
        return bool(heard)

    async def _next(self, position: int) -> StreamPage:
        """Read a page; let a stream that lost its end go on, so that the gap shows. Raises StoreError."""
        page = await self._node.store.stream_read(position, PAGE)
        if page.last < position:
            logger.error("the store has lost the latest pub/sub messages")
            await self._node.store.stream_end(position)
            page = await self._node.store.stream_read(position, PAGE)
        return page

    def _open(self, page: StreamPage) -> list[Heard]:
        """Verify messages (I5)."""
        heard = []
        for posted in page.posted:
            payload = self._node.vault.open_post(posted.origin, posted.payload)
            if payload is None:
                logger.error("a pub/sub message does not verify; is the secret key the same on all nodes?")
            publication = load_publication(payload) if payload is not None else None
            heard.append(Heard(posted.n, posted.before, publication))
        return heard

    def _give(self, seat: Seat, heard: list[Heard], last: int) -> None:
        """Give a seat a page; one that cannot be rebuilt for it is reset."""
        try:
            seat.feed.give(heard, last)
        except (SealBroken, SnapshotError) as error:
            seat.feed.hears = {}
            self._node.spawn(self._node.departures.reset(seat, error))
        except Exception:  # one session must not keep the others from hearing
            logger.exception("session %s: giving it a pub/sub message failed", seat.id)
            seat.feed.behind = True

    # -- those that are further back ----------------------------------------------------------------

    def _look_after(self) -> None:
        """Let those that were left behind try again; commit positions that are about to be trimmed."""
        present = False
        for seat in self._present():
            present = True
            self._catch_up(seat)
            if seat.committed is not None and self._is_old(seat.committed.stream, seat.feed):
                seat.committer.renew()
        if not present:
            self._wanted.clear()
            self._position = 0

    def _is_old(self, position: int, feed: Feed) -> bool:
        """Whether what follows a record's position may be trimmed before long.

        Positions say what the store's clock said. How long a position has been behind is measured here: the
        stream may rest meanwhile, and is trimmed all the same.
        """
        if not 0 < position < self._position:
            return False
        now, patience = self._node.loop.time(), self._node.settings.pubsub_retention / 4
        if feed.behind_at[0] != position:
            feed.behind_at = position, now
        return now - feed.behind_at[1] > patience or (self._position - position) / 1e6 > patience

    def _catch_up(self, seat: Seat) -> None:
        """Let a seat read on by itself until it is where the reader is."""
        feed = seat.feed
        if feed.behind and self._position and feed.cursor >= self._position:
            feed.behind = False
        elif feed.behind and self._position and feed.job is None and feed.takes:
            feed.job = self._node.spawn(self._read_on(seat))

    async def _read_on(self, seat: Seat) -> None:
        feed = seat.feed
        try:
            while feed.wanted and self._position and feed.takes:
                async with self._reads:
                    page = await self._next(feed.cursor)
                feed.behind = False
                self._give(seat, self._open(page), page.last)
                feed.behind = feed.behind or feed.cursor < self._position
                if not feed.behind:
                    return
                if seat.live is not None:
                    await seat.live.messages.room.wait()
        except StoreError as error:
            logger.warning("session %s: its pub/sub messages wait for the store: %s", seat.id, error)
        finally:
            feed.job = None
