"""Two ends of a relay over any bus: what arrives is a beginning of what was sent, in order."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.soak import EXAMPLES

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.relay import MESSAGE, Envelope, RelayEnd

WINDOW = 1000


def ends(epoch: int = 3) -> tuple[RelayEnd, RelayEnd]:
    return RelayEnd("a", "r", 3, WINDOW), RelayEnd("b", "r", epoch, WINDOW)


def sent(end: RelayEnd, *texts: str | bytes) -> Envelope:
    return Envelope.load(end.pack(tuple((MESSAGE, text) for text in texts), sum(map(len, texts))))


def test_text_and_bytes_arrive_as_what_they_are() -> None:
    one, other = ends()
    assert other.unpack(sent(one, "text", b"bytes")) == ((MESSAGE, "text"), (MESSAGE, b"bytes"))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    fates=st.lists(st.sampled_from(["pass", "lose", "double", "late", "beat"]), max_size=30),
)
def test_whatever_the_bus_does_nothing_is_skipped_repeated_or_swapped(fates: list[str]) -> None:
    one, other = ends()
    arriving: list[Envelope] = []
    late: list[Envelope] = []
    for number, fate in enumerate(fates):
        envelope = Envelope.load(one.pack()) if fate == "beat" else sent(one, str(number))
        (late if fate == "late" else arriving).extend([envelope] * {"lose": 0, "double": 2}.get(fate, 1))
        if fate != "late":
            arriving, late = [*arriving, *late], []
    got: list[str] = []
    with contextlib.suppress(ProtocolError):
        for envelope in arriving:
            got += [text for _, text in other.unpack(envelope)]
    wanted = [str(number) for number, fate in enumerate(fates) if fate != "beat"]
    assert got == wanted[: len(got)]


def test_a_lost_last_message_is_noticed_by_the_next_sign_of_life() -> None:
    one, other = ends()
    sent(one, "lost")
    with pytest.raises(ProtocolError) as caught:
        other.unpack(Envelope.load(one.pack()))
    assert caught.value.code == CloseCode.GAP


def test_another_lease_ends_it() -> None:
    one, other = ends(epoch=4)
    with pytest.raises(ProtocolError) as caught:
        other.unpack(sent(one, "x"))
    assert caught.value.code == CloseCode.MOVED


def test_the_window_closes_and_opens_with_what_the_other_end_has_used_up() -> None:
    one, other = ends()
    first = sent(one, "x" * WINDOW)
    assert not one.has_room
    other.unpack(first)
    one.unpack(Envelope.load(other.pack()))
    assert not one.has_room  # received, but not used up
    other.consumed = other.received
    one.unpack(Envelope.load(other.pack()))
    assert one.has_room


@pytest.mark.parametrize("data", [b"", b"\x93\x01\x02\x03", b"\x96\x01\x02\x03\x04\x05\x91\x01"])
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Envelope.load(data)
