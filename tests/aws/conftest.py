"""One server that plays Amazon, for all tests here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.aws.amazon import running_amazon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.aws.amazon import Amazon


@pytest.fixture(scope="package")
def amazon() -> Iterator[Amazon]:
    with running_amazon() as server:
        yield server
