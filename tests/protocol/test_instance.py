"""Which of two page loads came first."""

from __future__ import annotations

import pytest

from flet_cluster.protocol.instance import is_earlier


@pytest.mark.parametrize(
    ("instance", "other", "earlier"),
    [
        ("000001-aa", "000002-aa", True),
        ("000002-aa", "000001-aa", False),
        ("000002-aa", "000002-bb", False),
        ("00000f-aa", "000010-aa", True),
        ("ffffff-aa", "1000000-aa", True),
        ("instance-1", "000002-aa", False),
        ("000001-aa", "instance-2", False),
        ("1-aa", "000002-aa", False),
    ],
)
def test_numbers_decide(instance: str, other: str, *, earlier: bool) -> None:
    assert is_earlier(instance, other) is earlier
