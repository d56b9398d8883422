"""The outbox numbers, keeps, forgets, trims and travels."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flet_cluster.errors import ProtocolError, SnapshotError
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import MAX_SEQ
from flet_cluster.protocol.limits import Limits
from flet_cluster.protocol.outbox import Outbox

SMALL = Limits(max_tail_frames=3, max_tail_bytes=10)


def filled(*payloads: bytes, limits: Limits = SMALL) -> Outbox:
    box = Outbox(limits)
    for payload in payloads:
        box.append(payload)
    return box


def test_numbers_start_at_one_and_replay_is_what_the_browser_misses() -> None:
    box = filled(b"a", b"b", b"c")
    assert box.tx == 3
    assert box.replay(0) == [(1, b"a"), (2, b"b"), (3, b"c")]
    assert box.replay(2) == [(3, b"c")]
    assert box.replay(3) == []
    assert box.replay(1, upto=2) == [(2, b"b")]


def test_acknowledged_frames_are_forgotten_once() -> None:
    box = filled(b"a", b"b", b"c")
    box.acknowledge(2)
    box.acknowledge(1)
    box.acknowledge(2)
    assert (len(box), box.size, box.base, box.trimmed) == (1, 1, 2, False)
    assert box.replay(1) is None
    assert box.replay(2) == [(3, b"c")]


def test_acknowledging_what_was_never_sent_is_an_error() -> None:
    with pytest.raises(ProtocolError) as caught:
        filled(b"a").acknowledge(2)
    assert caught.value.code == CloseCode.PROTOCOL


@pytest.mark.parametrize("upto", [None, 1])
def test_a_browser_that_has_more_than_the_record_reveals_a_rollback(upto: int | None) -> None:
    with pytest.raises(ProtocolError) as caught:
        filled(b"a").replay(2, upto)
    assert caught.value.code == CloseCode.ROLLBACK


def test_too_many_frames_drop_the_oldest_and_say_so() -> None:
    box = filled(b"a", b"b", b"c", b"d")
    assert box.trimmed
    assert box.replay(0) is None
    assert box.replay(1) == [(2, b"b"), (3, b"c"), (4, b"d")]


def test_too_many_bytes_drop_the_oldest_even_the_frame_itself() -> None:
    assert filled(b"12345", b"12345", b"1").replay(1) == [(2, b"12345"), (3, b"1")]
    box = filled(b"1", b"x" * 11)
    assert (box.tx, len(box), box.size, box.trimmed) == (2, 0, 0, True)
    assert box.replay(1) is None
    assert box.replay(2) == []


def test_an_acknowledgement_past_the_gap_heals_the_trim() -> None:
    box = filled(b"a", b"b", b"c", b"d")
    box.acknowledge(1)
    assert not box.trimmed


def test_restart_keeps_the_numbers() -> None:
    box = filled(b"a", b"b", b"c", b"d")
    box.restart()
    assert (box.tx, len(box), box.size, box.trimmed) == (4, 0, 0, False)
    assert box.append(b"page") == 5
    assert box.replay(4) == [(5, b"page")]


def test_numbers_do_not_wrap() -> None:
    box = Outbox.load(msgpack.packb((1, MAX_SEQ, 0, ())))
    with pytest.raises(OverflowError):
        box.append(b"")


@pytest.mark.parametrize("data", [b"\xc1", b"x", b"\x93\x01\x02", msgpack.packb((2, 0, 0, ())), b"\x80"])
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        Outbox.load(data)


def test_no_bytes_are_an_empty_outbox() -> None:
    assert Outbox.load(b"").tx == 0


@given(st.lists(st.binary(max_size=6) | st.integers(0, 5), max_size=40))
def test_it_is_bounded_and_its_copy_answers_the_same(steps: list[bytes | int]) -> None:
    box = Outbox(SMALL)
    for step in steps:
        if isinstance(step, bytes):
            box.append(step)
        else:
            box.acknowledge(min(box.base + step, box.tx))
        assert len(box) <= SMALL.max_tail_frames
        assert box.size == sum(len(p) for _, p in box.replay(box.base) or []) <= SMALL.max_tail_bytes
    copy = Outbox.load(box.dump(), SMALL)
    assert (copy.tx, copy.trimmed, copy.size) == (box.tx, box.trimmed, box.size)
    assert [copy.replay(n) for n in range(box.tx + 1)] == [box.replay(n) for n in range(box.tx + 1)]
