"""What a client's packet may cost."""

from __future__ import annotations

import struct
import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flet_cluster.host import wire
from flet_cluster.host.measure import count_values

MIB = 1024 * 1024
PROPS = b"\x00\x92\x04"
REGISTER = b"\x00\x92\x01"

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.sampled_from(["x" * 40, "x" * 300, "x" * 70_000, b"x" * 300, b"x" * 70_000])
    | st.builds(msgpack.ExtType, st.integers(5, 127), st.binary(max_size=20) | st.just(b"x" * 300))
)
trees = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
long = st.integers(15, 70_000)
long_lists = long.map(lambda n: [0] * n)
long_maps = long.map(lambda n: dict.fromkeys(map(str, range(n))))


def values_in(tree: Any) -> int:
    if isinstance(tree, list):
        return 1 + sum(map(values_in, tree))
    if isinstance(tree, dict):
        return 1 + sum(values_in(key) + values_in(value) for key, value in tree.items())
    return 1


@given(trees | long_lists | long_maps)
def test_all_values_are_counted(tree: Any) -> None:
    packed = memoryview(msgpack.packb(tree))
    assert count_values(packed, values_in(tree)) == values_in(tree)
    with pytest.raises(ValueError, match="more than"):
        count_values(packed, values_in(tree) - 1)


@given(st.binary(max_size=3000), st.integers(0, 2000))
def test_no_bytes_raise_anything_but_that_they_are_bad(noise: bytes, pad: int) -> None:
    for head in (b"", PROPS, REGISTER):
        packet = head + noise + b"\xc0" * pad
        try:
            wire.decode(packet)
        except wire.BadPacket:
            continue


def nested(size: int) -> bytes:
    """Lists in lists, each of which claims to hold all the rest."""
    depth = min(500, size // 10)
    return (b"\xdd" + struct.pack(">I", size - 6 * depth)) * depth + b"\x80" * (size - 5 * depth)


@pytest.mark.parametrize("head", [PROPS, REGISTER])
@pytest.mark.parametrize("size", [60_000, 15_000_000])
@pytest.mark.parametrize("kind", ["maps", "pairs", "nested"])
def test_a_small_packet_does_not_become_a_large_object(head: bytes, size: int, kind: str) -> None:
    bodies = {
        "maps": b"\xdd" + struct.pack(">I", size) + b"\x80" * size,
        "pairs": b"\xdd" + struct.pack(">I", size // 3) + b"\x81\xa0\xc0" * (size // 3),
        "nested": nested(size),
    }
    packet = head + bodies[kind]
    tracemalloc.start()
    try:
        with pytest.raises(wire.BadPacket):
            wire.decode(packet)
        assert tracemalloc.get_traced_memory()[1] < 10 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [b"x" * 16 * MIB, "x" * 16 * MIB, list(range(30_000))])
def test_what_apps_send_passes(content: Any) -> None:
    message = wire.decode(PROPS + msgpack.packb({"id": 1, "props": {"value": content}}))
    assert message.body["props"]["value"] == content
    assert message.weight > len(content)


def test_a_registration_is_small() -> None:
    with pytest.raises(wire.BadPacket, match="registration"):
        wire.decode(REGISTER + msgpack.packb({"page": {"route": "x" * wire.MAX_REGISTRATION}}))
    assert wire.decode(REGISTER + msgpack.packb({"page": {"route": "x" * 8000}})).body["page"]
