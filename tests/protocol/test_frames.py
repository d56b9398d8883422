"""Frames survive the wire, and nothing malformed gets past it."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import (
    KIND_DATA,
    MAX_SEQ,
    Ack,
    Data,
    Datagram,
    Frame,
    Hello,
    Ping,
    Pong,
    Reset,
    Welcome,
    decode,
    encode,
)
from flet_cluster.protocol.limits import Limits

LIMITS = Limits(max_frame=64, max_control=512)
HELLO = {"type": "hello", "token": None, "instance": "instance-1", "rx": 0, "durable": 0}

seqs = st.integers(0, MAX_SEQ)
sizes = st.integers(1, MAX_SEQ)
tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=100)
instances = st.text(string.ascii_letters + string.digits + "-_", min_size=8, max_size=64)
labels = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=50)
payloads = st.binary(max_size=40)
frames: st.SearchStrategy[Frame] = st.one_of(
    st.builds(Hello, st.none() | tokens, instances, seqs, seqs, st.none() | seqs),
    st.builds(Welcome, tokens, labels, seqs, st.booleans(), seqs, sizes, sizes, sizes),
    st.builds(Reset, labels),
    st.builds(Ack, seqs),
    st.just(Ping()),
    st.just(Pong()),
    st.builds(Data, sizes, seqs, payloads),
    st.builds(Datagram, payloads),
)


@given(frames)
def test_round_trip(frame: Frame) -> None:
    assert decode(encode(frame), LIMITS) == frame


@given(st.binary(max_size=80) | st.text(max_size=600))
def test_any_message_is_a_frame_or_a_protocol_error(message: bytes | str) -> None:
    try:
        decode(message, LIMITS)
    except ProtocolError as error:
        if error.code not in (CloseCode.PROTOCOL, CloseCode.TOO_BIG):
            raise


def test_the_layout_of_a_data_frame_is_fixed() -> None:
    assert encode(Data(1, 2, b"\x00x")) == b"\x10\x00\x00\x00\x01\x00\x00\x00\x02\x00x"
    assert encode(Datagram(b"\x01x")) == b"\x11\x01x"


def test_a_newer_peer_may_add_keys() -> None:
    assert decode(json.dumps({**HELLO, "colour": "blue"}), LIMITS) == Hello(None, "instance-1", 0, 0)


def test_what_an_older_page_does_not_say_is_assumed_to_be_the_worst() -> None:
    known = {**HELLO, "token": "token"}
    assert [
        decode(json.dumps(hello), LIMITS).resent  # type: ignore[union-attr]
        for hello in (HELLO, known, {**known, "sent": None}, {**known, "sent": 7})
    ] == [0, MAX_SEQ, MAX_SEQ, 7]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "null",
        "[]",
        "{}",
        "[" * 500,
        '{"type":"nope"}',
        '{"type":["ack"]}',
        '{"type":"ack"}',
        '{"type":"ack","seq":-1}',
        '{"type":"ack","seq":true}',
        '{"type":"ack","seq":1.0}',
        '{"type":"ack","seq":NaN}',
        '{"type":"ack","seq":"1"}',
        f'{{"type":"ack","seq":{MAX_SEQ + 1}}}',
        json.dumps({**HELLO, "token": ""}),
        json.dumps({**HELLO, "token": 7}),
        json.dumps({**HELLO, "token": "a b"}),
        json.dumps({**HELLO, "token": "\ud800"}),
        json.dumps({**HELLO, "instance": None}),
        json.dumps({**HELLO, "instance": "short"}),
        json.dumps({**HELLO, "instance": "x" * 65}),
        json.dumps({**HELLO, "instance": "inst/ance"}),
        json.dumps({**HELLO, "instance": "instance-1\n"}),
        json.dumps({**HELLO, "rx": None}),
        json.dumps({**HELLO, "sent": -1}),
        json.dumps({**HELLO, "sent": "1"}),
        '{"type":"reset","reason":"a\\nb"}',
        b"",
        b"\x00flet",
        b"\x01flet",
        bytes((KIND_DATA,)),
        bytes((KIND_DATA,)) + b"\x00" * 7,
        bytes((KIND_DATA,)) + b"\x00" * 8,
        b"\xff" * 20,
    ],
)
def test_malformed(message: str | bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(message, LIMITS)
    assert caught.value.code == CloseCode.PROTOCOL


@pytest.mark.parametrize("message", ["x" * 513, b"\x10" + b"x" * 64])
def test_too_big_is_refused_before_it_is_parsed(message: str | bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(message, LIMITS)
    assert caught.value.code == CloseCode.TOO_BIG


def test_limits_that_stop_every_link_are_refused() -> None:
    with pytest.raises(ValueError, match="max_tail_frames"):
        Limits(max_tail_frames=0)
