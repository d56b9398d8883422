"""A Valkey for the module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers import running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url
