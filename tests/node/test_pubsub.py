"""What is published reaches every session that hears it, once and in order, whatever becomes of nodes."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.node import club_app
from tests.node.club import Club, club, counts_of, traps_of
from tests.node.club_app import main

from flet_cluster.errors import MessageRefused, StoreUnavailable
from flet_cluster.host import message_codec
from flet_cluster.host.pubsub import SessionPubSub
from flet_cluster.node import committer, publications, publisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tests.node.club import Member

    from flet_cluster.model import Post

HELD = 0.05
"""Long enough for anything that is on its way to arrive, seconds."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer, "TIDY_SECONDS", 0.02)
    monkeypatch.setattr(club_app, "GO_ON", asyncio.Event())


@pytest.fixture
async def two(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Club]:
    async with club(monkeypatch, main) as there:
        yield there


async def pair(there: Club, *clicks: str) -> tuple[Member, Member]:
    """A member on each node; both click."""
    members = [await there.join(node) for node in there.nodes]
    for member in members:
        for label in clicks:
            member.click(label)
        await member.settle()
    return members[0], members[1]


async def test_all_others_and_topics_on_two_nodes(two: Club) -> None:
    one, other = await pair(two, "subscribe", "subscribe async", "subscribe news")
    one.click("say")
    await one.hears("1", "async 1")
    await other.hears("1", "async 1")
    one.click("others")
    await other.hears("1", "async 1", "for others", "async for others")
    other.click("news")
    await one.hears("1", "async 1", "news: today")
    other.click("news to others")
    await one.hears("1", "async 1", "news: today", "news: for others")
    await other.settle()
    assert other.heard[4:] == ["news: today"]


async def test_nothing_is_heard_after_unsubscribing(two: Club) -> None:
    one, other = await pair(two, "subscribe", "subscribe news")
    other.click("unsubscribe")
    await other.settle()
    one.click("say")
    one.click("news")
    await other.hears("news: today")
    other.click("unsubscribe news")
    await other.settle()
    one.click("news")
    other.click("subscribe")
    await other.settle()
    one.click("say")
    await other.hears("news: today", "2")
    other.click("unsubscribe all")
    await other.settle()
    assert other.seat.committed is not None
    assert other.seat.committed.stream == 0
    one.click("say")
    await one.hears("1", "news: today", "news: today", "2", "3")
    await asyncio.sleep(HELD)
    assert other.heard == ["news: today", "2"]


async def test_only_what_comes_after_the_subscription_is_heard(two: Club) -> None:
    one, other = await pair(two)
    one.click("say three")
    await one.settle()
    for member in (one, other):
        member.click("subscribe")
        await member.settle()
    one.click("say")
    await one.hears("1")
    await other.hears("1")


async def test_who_subscribes_after_sending_does_not_hear_itself(two: Club) -> None:
    one, other = await pair(two)
    other.click("subscribe")
    await other.settle()
    one.click("say first")
    await one.hears("after")
    await other.hears("before", "after")


async def test_all_hear_the_same_order(two: Club) -> None:
    members = [await two.join(two.nodes[i % 2]) for i in range(6)]
    for member in members:
        member.click("subscribe")
        await member.settle()
    for _ in range(5):
        for member in members:
            member.click("say")
    count = 5 * len(members)
    for member in members:
        await member.until(lambda member=member: len(member.heard) >= count)  # type: ignore[misc]
        assert member.heard == members[0].heard
    assert sorted(members[0].heard) == sorted(f"{i}" for i in range(1, 6) for _ in members)


async def test_it_works_without_hints(two: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publications, "LOOK_SECONDS", 0.02)
    one, other = await pair(two, "subscribe")

    async def lost(*_: object) -> None:
        return None

    monkeypatch.setattr(one.node.bus, "publish", lost)
    one.click("say three")
    await other.hears("a", "b", "c")


async def test_a_session_in_the_store_hears_what_it_missed(two: Club) -> None:
    one, other = await pair(two, "subscribe", "subscribe news")
    await other.leave()
    assert (await two.store.peek(other.seat.id)) is not None
    one.click("say three")
    one.click("news")
    await one.hears("a", "b", "c", "news: today")
    await other.come(two.nodes[0])
    await other.hears("a", "b", "c", "news: today")
    one.click("say")
    await other.hears("a", "b", "c", "news: today", "1")


async def test_a_dormant_seat_is_woken_only_by_what_it_hears(two: Club) -> None:
    one, other = await pair(two, "subscribe news")
    await other.leave()
    await other.come(two.nodes[1])
    await other.settle()
    again = other.seat.live
    if again is not None:  # it was told that its user is back
        await other.leave()
        other.seat = await two.nodes[1].seat_of(two.nodes[1].tokens.verify(other.seat.token, None))
    assert other.seat.live is None
    one.click("say three")
    one.click("news")
    await one.hears("news: today")

    def shown() -> list[str]:
        live = other.seat.live
        return [control.value for control in live.page.controls[1].controls] if live else []

    await other.until(shown)
    await asyncio.sleep(HELD)
    assert shown() == [">news: today"]


async def test_more_than_a_page_is_caught_up_with(two: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publications, "PAGE", 7)
    monkeypatch.setattr("flet_cluster.host.messages.MOST_WAITING", 10)
    one, other = await pair(two, "subscribe")
    await other.leave()
    for _ in range(20):
        one.click("say three")
    expected = ["a", "b", "c"] * 20
    await one.hears(*expected)
    await other.come(two.nodes[1])
    await other.hears(*expected)
    assert counts_of(two.nodes[1])["pubsub_gap"] == 0


@pytest.mark.parametrize("point", ["committed", "published", "appended"])
async def test_what_a_dead_node_had_committed_is_published_once(two: Club, point: str) -> None:
    one, other = await pair(two, "subscribe")
    mortal, heir = two.nodes
    traps_of(mortal).at(point, lambda: two.stop_at_once(mortal))
    one.click("say three")
    await one.until(lambda: not traps_of(mortal).set)
    await two.kill(mortal)
    if point == "appended":
        await other.hears("a", "b", "c")
    else:
        await asyncio.sleep(HELD)
        assert other.heard == [], "it is in the record, and nowhere else"
    await one.come(heir)
    await one.hears("a", "b", "c")
    await other.hears("a", "b", "c")
    one.click("say")
    await other.hears("a", "b", "c", "1")
    await one.settle()
    await asyncio.sleep(HELD)
    assert (one.heard, other.heard) == (["a", "b", "c", "1"],) * 2


async def test_the_outbox_is_in_the_record_until_it_is_published(two: Club) -> None:
    one, _ = await pair(two, "subscribe")
    one.click("others")
    await one.until(lambda: one.seat.committed and one.seat.committed.outbox)
    await one.until(lambda: one.seat.committed and not one.seat.committed.outbox)
    record = await two.store.peek(one.seat.id)
    assert record is not None
    assert record.commit.outbox == b""


@pytest.mark.parametrize("point", ["applied", "captured", "committed", "released"])
async def test_a_message_is_handled_once_though_its_node_dies(two: Club, point: str) -> None:
    one, other = await pair(two, "subscribe", "subscribe async")
    mortal, heir = two.nodes[1], two.nodes[0]
    traps_of(mortal).at(point, lambda: two.stop_at_once(mortal))
    one.click("say three")
    await one.until(lambda: not traps_of(mortal).set)
    await two.kill(mortal)
    await other.come(heir)
    everything = [f"{kind}{word}" for word in "abc" for kind in ("", "async ")]
    await other.until(lambda: len(other.heard) >= len(everything))
    await asyncio.sleep(HELD)
    assert sorted(other.heard) == sorted(everything), "nothing missed, nothing twice"
    assert [text for text in other.heard if text in "abc"] == ["a", "b", "c"]


async def test_a_handler_that_is_cut_short_is_reported_and_not_run_again(two: Club) -> None:
    one, other = await pair(two, "subscribe slow", "subscribe")
    one.click("say")
    await other.hears("began 1", "1")
    await other.settle()
    mortal, heir = two.nodes[1], two.nodes[0]
    two.stop_at_once(mortal)
    await two.kill(mortal)
    await other.come(heir)
    club_app.GO_ON.set()
    one.click("say")
    await other.hears("began 1", "1", "began 2", "ended 2", "2")
    assert counts_of(heir)["interrupted"] == 1


async def test_who_slept_longer_than_messages_are_kept_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with club(monkeypatch, main, pubsub_retention=100.0) as there:
        one, other = await pair(there, "subscribe", "watch")
        await other.leave()
        one.click("say")
        await one.hears("1")
        there.skip(101)
        one.click("say")
        await one.hears("1", "2")
        await other.come(there.nodes[0])
        await other.hears("missed some", "2")
        assert counts_of(there.nodes[0])["pubsub_gap"] == 1
        assert one.heard == ["1", "2"], "who was there has missed nothing"


async def test_who_hears_something_rare_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its position follows the stream though nothing of the stream concerns it."""
    monkeypatch.setattr(publications, "LOOK_SECONDS", 0.02)
    async with club(monkeypatch, main, pubsub_retention=100.0) as there:
        one, other = await pair(there, "subscribe", "subscribe news", "watch")
        other.click("unsubscribe")
        await other.settle()
        first = other.seat.committed
        assert first is not None
        for number in range(1, 9):
            there.skip(20)
            one.click("say")
            await one.hears(*(f"{i}" for i in range(1, number + 1)))
        await other.until(lambda: other.seat.committed and other.seat.committed.stream > first.stream + 120e6)
        mortal, heir = there.nodes[1], there.nodes[0]
        there.stop_at_once(mortal)
        await there.kill(mortal)
        await other.come(heir)
        one.click("news")
        await other.hears("news: today")
        assert counts_of(heir)["pubsub_gap"] == 0


async def test_who_was_there_has_missed_nothing_of_a_stream_that_rested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others talked a little, about something else, and no more: the stream is trimmed all the same."""
    monkeypatch.setattr(publications, "LOOK_SECONDS", 0.02)
    async with club(monkeypatch, main, pubsub_retention=1.0) as there:
        one, other = await pair(there, "subscribe", "subscribe news", "watch")
        other.click("unsubscribe")
        await other.settle()
        one.click("say")
        await one.hears("1")
        end = await there.store.stream_end()
        await other.until(lambda: other.seat.committed and other.seat.committed.stream == end)
        there.skip(2)
        mortal, heir = there.nodes[1], there.nodes[0]
        await there.kill(mortal)
        await other.come(heir)
        one.click("news")
        await other.hears("news: today")
        assert counts_of(heir)["pubsub_gap"] == 0


@pytest.mark.parametrize("lost", ["everything", "the end"])
async def test_a_store_that_lost_messages_shows(two: Club, lost: str) -> None:
    one, other = await pair(two, "subscribe", "watch")
    earlier = two.store.copy_data()
    one.click("say")
    await other.hears("1")
    await one.settle()
    await other.settle()
    await asyncio.sleep(HELD)  # until the record has been tidied
    if lost == "everything":
        two.store.wipe()
    else:
        two.store.roll_back(earlier)
    for node in two.nodes:
        node._upkeep._incarnation = ""
        await node._upkeep._refill_if_lost()
    await other.hears("1", "missed some")
    one.click("say")
    await other.hears("1", "missed some", "2")
    await one.hears("1", "missed some", "2")


async def test_a_store_that_came_back_older_shows_though_somebody_spoke_at_once(
    two: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream's end has passed by what its readers know before they look again."""
    monkeypatch.setattr(publications, "LOOK_SECONDS", 60.0)
    one, other = await pair(two, "subscribe", "watch")
    one.click("say")
    await other.hears("1")
    earlier = copy.deepcopy(two.store._data.stream)
    one.click("say")
    for member in (one, other):
        await member.hears("1", "2")
        await member.settle()
    two.store._data.stream = earlier
    one.click("say")
    for member in (one, other):
        await member.hears("1", "2", "missed some", "3")
    other.click("say")
    for member in (one, other):
        await member.hears("1", "2", "missed some", "3", "1")


async def test_a_message_that_cannot_travel_fails_where_it_is_sent(two: Club) -> None:
    one, other = await pair(two, "subscribe")
    one.click("say control")
    await one.settle()
    assert any("page.pubsub cannot send this dict" in crash for crash in one.wire.client.crashes)
    one.click("say")
    await other.hears("1")


class Nameless:
    """Its text is its address."""


@pytest.mark.parametrize("topic", [None, Nameless()])
def test_what_is_no_topic_elsewhere_is_refused(topic: Any) -> None:
    hub = SessionPubSub("s1", lambda _: None, lambda *_: b"")
    attempts: list[Callable[[], None]] = [
        lambda: hub.send_all_on_topic(topic, "x"),
        lambda: hub.send_others_on_topic("s1", topic, "x"),
        lambda: hub.subscribe_topic("s1", topic, print),
    ]
    for attempt in attempts:
        with pytest.raises(MessageRefused, match="is no topic"):
            attempt()
    assert not hub.subscriptions.keys


async def test_a_session_that_cannot_leave_goes_on_hearing(
    two: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publications, "LOOK_SECONDS", 0.02)
    one, other = await pair(two, "subscribe slow")
    one.click("say")
    await other.hears("began 1")
    left: list[None] = []
    other.seat.when_quiet(lambda: left.append(None))  # as when another node asks for it
    one.click("say")
    await other.hears("began 1", "began 2")
    assert left == []
    club_app.GO_ON.set()
    await other.until(lambda: left)
    assert sorted(other.heard) == ["began 1", "began 2", "ended 1", "ended 2"]


WORDS = [f"async {number}" for number in range(1, 5)]
MOST = 40


async def die_at(there: Club, point: str, number: int) -> bool:
    """One member speaks from the node that dies; two others hear, one on each node. False: it did not die."""
    mortal, heir = there.nodes
    traps = traps_of(mortal)
    speaker, beside, away = [await there.join(node) for node in (mortal, mortal, heir)]
    for member in there.members:
        member.click("subscribe async")
        await member.settle()
    traps.at(point, lambda: there.stop_at_once(mortal), number)
    for said in (1, 2):
        speaker.click("say")
        await away.until(lambda said=said: len(away.heard) == said or not traps.set)  # type: ignore[misc]
        if not traps.set:
            break
    else:
        return False
    await there.kill(mortal)
    await beside.come(heir)
    await speaker.come(heir)
    for _ in WORDS[said:]:
        speaker.click("say")
    for member in there.members:
        await member.hears(*WORDS)
    return True


@pytest.mark.parametrize("point", ["applied", "committed", "published", "appended"])
async def test_a_node_may_die_at_any_pass_of(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, MOST):
        async with club(monkeypatch, main) as there:
            if not await die_at(there, point, number):
                assert number > 1
                return
    raise AssertionError(f"{point} is passed more than {MOST} times")


@pytest.mark.parametrize("turns", range(5))
async def test_a_node_stops_though_a_message_comes_at_that_moment(
    turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with club(monkeypatch, main, nodes=1) as there:
        node = there.nodes[0]
        node.publications._wanted.set()
        await asyncio.sleep(0.02)  # now it waits for news
        node.publications._hint.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await node.stop()


async def test_messages_are_bounded(two: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = await pair(two, "subscribe")
    limits = replace(two.nodes[0].limits, max_message=100, max_outbox_bytes=1000)
    monkeypatch.setattr(two.nodes[0].host, "limits", limits)
    live = one.seat.live
    assert live is not None
    with pytest.raises(MessageRefused, match=r"this str: it takes \d+ bytes, and messages have at most 100"):
        live.pubsub.send_all("x" * 100)
    size = live.output.unpublished
    while live.output.unpublished < limits.max_outbox_bytes:
        live.pubsub.send_all("x" * 50)
    with pytest.raises(MessageRefused, match="bytes of them wait"):
        live.pubsub.send_all("x" * 50)
    await one.until(lambda: live.output.unpublished == size == 0)
    live.pubsub.send_all("goes on")
    await other.until(lambda: other.heard[-1:] == ["goes on"])


async def test_a_message_that_was_tampered_with_is_passed_over(two: Club) -> None:
    one, other = await pair(two, "subscribe")
    append = two.store.stream_append

    async def forge(posts: Sequence[Post], **options: Any) -> int:
        forged = [replace(post, payload=post.payload[:-1] + b"!") for post in posts]
        return await append(forged, **options)

    two.store.stream_append = forge  # type: ignore[method-assign]
    one.click("say")
    await other.until(lambda: counts_of(two.nodes[1])["seal_failures"])
    two.store.stream_append = append  # type: ignore[method-assign]
    one.click("say")
    await one.hears("2")
    await other.hears("2")


async def test_a_message_of_another_version_shows_as_missed(
    two: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await pair(two, "subscribe", "watch")

    def unknown(_: bytes) -> Any:
        raise AttributeError("no such class in this version")

    with monkeypatch.context() as patch:
        patch.setattr(message_codec, "unpack", unknown)
        one.click("say")
        await other.hears("missed some")
    one.click("say")
    await other.hears("missed some", "2")


async def test_a_commit_interval_delays_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with club(monkeypatch, main, commit_interval=0.05) as there:
        one, other = await pair(there, "subscribe")
        for _ in range(3):
            one.click("say three")
        await one.hears(*"abcabcabc")
        await other.hears(*"abcabcabc")


async def test_the_stream_may_be_away_for_a_while(two: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = await pair(two, "subscribe")
    monkeypatch.setattr(publisher, "RETRY_SECONDS", 0.01)

    async def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the server of this slot is away")

    with monkeypatch.context() as patch:
        for name in ("stream_append", "stream_read", "stream_end"):
            patch.setattr(two.store, name, away)
        one.click("say three")
        await one.until(lambda: one.wire.rx == one.sent)
        assert not one.seat.at_rest, "it does not leave before its messages are out"
        record = await two.store.peek(one.seat.id)
        assert record is not None
        assert record.commit.outbox
    await one.hears("a", "b", "c")
    await other.hears("a", "b", "c")
    await one.settle()
