"""For all tests: this machine has no screen, so that nothing they start opens a browser on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.environment import NO_MANAGEMENT_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage import Storage

for _name in ("DISPLAY", "WAYLAND_DISPLAY"):
    os.environ.pop(_name, None)
os.environ |= NO_MANAGEMENT_PORT


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has none of Flet's variables and ours, for one test."""
    for name in list(os.environ):
        if name.startswith("FLET_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def weed() -> Iterator[Storage]:
    """An S3 server for the whole run; tests keep apart by buckets."""
    from tests.storage import storage  # noqa: PLC0415  most tests need no boto3

    with storage() as server:
        yield server
