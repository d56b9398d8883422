"""Seals: what was changed, moved or sealed by others does not open."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flet_cluster.errors import SealBroken, SettingsError
from flet_cluster.snapshot import KeyRing
from flet_cluster.snapshot.seal import encode

CONTEXT = ("app", "session", 7)


@given(st.binary(max_size=4000))
def test_round_trip(payload: bytes) -> None:
    ring = KeyRing(["secret"])
    assert (
        ring.open(ring.seal(payload, purpose="image", context=CONTEXT), purpose="image", context=CONTEXT)
        == payload
    )


def test_compresses_when_it_pays() -> None:
    ring = KeyRing(["secret"])
    assert len(ring.seal(b"x" * 10_000, purpose="image", context=CONTEXT)) < 200
    noise = os.urandom(10_000)
    assert len(ring.seal(noise, purpose="image", context=CONTEXT)) < 10_000 + 50


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_changed_bytes(position: int, change: int) -> None:
    ring = KeyRing(["secret"])
    sealed = bytearray(ring.seal(b"payload" * 200, purpose="image", context=CONTEXT))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(SealBroken):
        ring.open(bytes(sealed), purpose="image", context=CONTEXT)


@pytest.mark.parametrize("cut", [0, 1, 5, 16, 17, 40])
def test_truncated(cut: int) -> None:
    ring = KeyRing(["secret"])
    with pytest.raises(SealBroken):
        ring.open(
            ring.seal(b"payload", purpose="image", context=CONTEXT)[:cut], purpose="image", context=CONTEXT
        )


def test_other_key_purpose_and_context() -> None:
    ring = KeyRing(["secret"])
    sealed = ring.seal(b"payload", purpose="image", context=CONTEXT)
    with pytest.raises(SealBroken):
        KeyRing(["other"]).open(sealed, purpose="image", context=CONTEXT)
    with pytest.raises(SealBroken):
        ring.open(sealed, purpose="tail", context=CONTEXT)
    for context in (
        ("app", "session", 8),
        ("app", "session"),
        ("apps", "ession", 7),
        ("app", "session", "7"),
    ):
        with pytest.raises(SealBroken):
            ring.open(sealed, purpose="image", context=context)


def test_rotation() -> None:
    old = KeyRing(["old"]).seal(b"payload", purpose="image", context=CONTEXT)
    ring = KeyRing(["new", "old"])
    assert ring.open(old, purpose="image", context=CONTEXT) == b"payload"
    fresh = ring.seal(b"payload", purpose="image", context=CONTEXT)
    assert KeyRing(["new"]).open(fresh, purpose="image", context=CONTEXT) == b"payload"


def test_sizes_are_bounded() -> None:
    small = KeyRing(["secret"], max_payload=1000)
    bomb = KeyRing(["secret"]).seal(bytes(100_000), purpose="image", context=CONTEXT)
    with pytest.raises(SealBroken, match="at most 1000"):
        small.open(bomb, purpose="image", context=CONTEXT)
    with pytest.raises(ValueError, match="at most 1000"):
        small.seal(bytes(1001), purpose="image", context=CONTEXT)


def test_a_secret_is_needed() -> None:
    with pytest.raises(SettingsError, match="FLET_SECRET_KEY"):
        KeyRing([""])


PARTS = st.lists(st.one_of(st.text(), st.integers())).map(tuple)


@given(PARTS, PARTS)
def test_contexts_are_unambiguous(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
    same_types = list(map(type, one)) == list(map(type, other))
    assert (encode(one) == encode(other)) is (one == other and same_types)
