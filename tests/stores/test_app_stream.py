"""What every store must do with the app's stream of messages, memory or real."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flet_cluster.model import Origin, Post
from flet_cluster.stores.base import PAGE_BYTES

if TYPE_CHECKING:
    from tests.stores.worlds import World

    from flet_cluster.model import StreamPage
    from flet_cluster.stores.base import SessionStore

T = 60.0
SHORT = 0.15


def post(n: int, *payloads: bytes, session_id: str = "s", epoch: int = 1) -> list[Post]:
    """The messages of one commit."""
    return [Post(Origin(session_id, epoch, n, index), each) for index, each in enumerate(payloads)]


async def append(
    store: SessionStore, posts: list[Post], age: float = T, length: int = 1000, size: int = 1 << 30
) -> int:
    return await store.stream_append(posts, age=age, length=length, size=size, memory=T)


def payloads(page: StreamPage) -> list[bytes]:
    return [posted.payload for posted in page.posted]


async def test_what_is_appended_is_read_in_order_with_its_origin(store: SessionStore) -> None:
    start = await store.stream_end()
    posts = [*post(1, b"\x00a", b"b\xff"), *post(2, b"c")]
    end = await append(store, posts)
    page = await store.stream_read(start, 100)
    assert payloads(page) == [b"\x00a", b"b\xff", b"c"]
    assert [posted.origin for posted in page.posted] == [each.origin for each in posts]
    assert page.last == page.posted[-1].n == end == await store.stream_end()


async def test_each_message_says_after_which_it_came(store: SessionStore) -> None:
    start = await store.stream_end()
    await append(store, post(1, b"a", b"b"))
    await append(store, post(1, b"c", session_id="t"))
    page = await store.stream_read(start, 100)
    assert [posted.before for posted in page.posted] == [start, *(posted.n for posted in page.posted[:-1])]


async def test_a_commit_is_appended_once_however_often_it_is_repeated(store: SessionStore) -> None:
    start = await store.stream_end()
    for _ in range(2):
        await append(store, post(3, b"a", b"b"))
    await append(store, [*post(3, b"a", b"b"), *post(4, b"c")])
    await append(store, post(3, b"a", b"b"))  # by a node that was overtaken
    assert payloads(await store.stream_read(start, 100)) == [b"a", b"b", b"c"]


async def test_commits_of_a_later_epoch_are_others(store: SessionStore) -> None:
    start = await store.stream_end()
    await append(store, post(9, b"old"))
    await append(store, post(9, b"new", epoch=2))
    await append(store, post(10, b"late"))
    await append(store, post(9, b"other", session_id="t"))
    assert payloads(await store.stream_read(start, 100)) == [b"old", b"new", b"other"]


async def test_nodes_that_append_at_once_see_the_same_order(world: World) -> None:
    stores = [await world.store() for _ in range(3)]
    start = await stores[0].stream_end()
    jobs = [append(stores[i % 3], post(1, f"{i}".encode(), session_id=f"s{i}")) for i in range(60)]
    await asyncio.gather(*jobs)
    pages = [await store.stream_read(start, 100) for store in stores]
    assert pages[0] == pages[1] == pages[2]
    assert sorted(payloads(pages[0])) == sorted(f"{i}".encode() for i in range(60))


async def test_it_takes_so_many_bytes(store: SessionStore) -> None:
    start = await store.stream_end()
    for n in range(1, 31):
        await append(store, post(n, bytes([n]) * 100_000), size=1_000_000)
    kept = (await store.stream_read(start, 100)).posted
    assert 5 <= len(kept) <= 10
    assert [posted.payload[0] for posted in kept] == list(range(31 - len(kept), 31))
    assert kept[0].before > start, "whoever has read no further sees that something is gone"
    end = await append(store, post(31, b"x" * 2_000_000), size=1_000_000)
    (last,) = (await store.stream_read(start, 100)).posted
    assert last.n == end, "the last message stays"


async def test_it_is_read_in_pages(store: SessionStore) -> None:
    position = await store.stream_end()
    await append(store, post(1, *(b"%d" % i for i in range(10))))
    read: list[bytes] = []
    while (page := await store.stream_read(position, 4)).posted:
        assert len(page.posted) <= 4
        assert page.posted[0].before == position
        position = page.posted[-1].n
        read += payloads(page)
    assert read == [b"%d" % i for i in range(10)]
    assert page.last == position


async def test_pages_are_bounded_in_bytes(store: SessionStore) -> None:
    start = await store.stream_end()
    await append(store, post(1, *[b"x" * (PAGE_BYTES // 2)] * 5))
    assert len((await store.stream_read(start, 100)).posted) == 2


async def test_what_is_too_old_is_dropped_and_that_shows(world: World, store: SessionStore) -> None:
    start = await store.stream_end()
    await append(store, post(1, b"a"), age=SHORT)
    await world.wait(SHORT)
    end = await append(store, post(2, b"b"), age=SHORT)
    page = await store.stream_read(start, 100)
    assert payloads(page) == [b"b"]
    assert page.posted[0].before > start
    await world.wait(SHORT)
    page = await store.stream_read(start, 100)
    assert (page.posted, page.last) == ((), end)  # nobody appends any more, and it is gone all the same


async def test_the_length_is_bounded(store: SessionStore) -> None:
    start = await store.stream_end()
    await append(store, post(1, *(b"%d" % i for i in range(10))), length=3)
    page = await store.stream_read(start, 100)
    assert payloads(page) == [b"7", b"8", b"9"]
    assert page.posted[0].before > start


async def test_a_lost_stream_begins_anew_further_up(world: World, store: SessionStore) -> None:
    await append(store, post(1, b"a"))
    position = await store.stream_end()
    await world.lose_data()
    await world.wait(0.001)
    page = await store.stream_read(position, 100)
    assert page.posted == ()
    assert page.last > position, "who was at the end sees that it is another stream"
    await append(store, post(1, b"b"))
    page = await store.stream_read(position, 100)
    assert payloads(page) == [b"b"]
    assert page.posted[0].before > position


async def test_a_stream_that_lost_its_end_goes_on_after_it(store: SessionStore) -> None:
    await append(store, post(1, b"a"))
    known = await store.stream_end() + 5_000_000  # five seconds ahead: what followed is lost
    end = await store.stream_end(known)
    assert end > known
    assert await store.stream_end(known) == end
    await append(store, post(2, b"b"))
    page = await store.stream_read(known, 100)
    assert payloads(page) == [b"b"]
    assert page.posted[0].before == end
